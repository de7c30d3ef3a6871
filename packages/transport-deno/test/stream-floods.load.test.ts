import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Attacker } from "../../transport-node/test/hostile-support.ts";
import { floodLimit, type Flood } from "../../transport-node/test/stream-floods.ts";
import { deno, denoTest } from "./deno-runs.ts";

/** Takes orders of a test on Deno: see stream-floods-test.ts. */
async function attackerServer(): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (line: Buffer) => {
      const { bytes, ...flood } = JSON.parse(line.toString()) as Flood;
      const attacker = new Attacker();
      const attacked = attacker.run("floodStreams", { limit: floodLimit, ...flood, bytes: Uint8Array.from(bytes) });
      const stop = async (): Promise<void> => {
        await attacker.run("stopFloodStreams");
        await attacked;
        await attacker[Symbol.asyncDispose]();
        socket.end();
      };
      socket.once("end", () => void stop());
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

describe.skipIf(deno === "")("a member on Deno", () => {
  let server: Server;
  beforeAll(async () => {
    server = await attackerServer();
  });
  afterAll(() => void server.close());

  it.each([
    ["over UDP and TCP", "udp", ["--allow-net", "--unstable-net"]],
    ["over streams alone", "streams", ["--allow-net"]],
  ])("accepts 20 of 20 joins from another address during each flood, %s", { timeout: 310_000 }, async (_, kind, permissions) => {
    const { port } = server.address() as AddressInfo;
    const printed = await denoTest("stream-floods-test.ts", permissions, [String(port), kind], { timeout: 300_000 });
    expect(printed).toMatch(/ok \| 6 passed \| 0 failed/);
  });
});

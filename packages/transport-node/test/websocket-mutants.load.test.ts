import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build, transform } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Transport } from "@memberlist/core";
import { systemClock } from "@memberlist/core/transport";
import { transportConformance, type ConformanceHarness } from "@memberlist/core/testing";
import { websocketMutants, type WebSocketMutant } from "./fixtures/websocket-mutants.ts";
import { WebSocketTransport } from "./fixtures/websocket-transport.ts";
import { mutePort, silentPort, type SilentPort } from "./silent-port.ts";
import { tcpClient, tcpRelay } from "./tcp-peers.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
/** Inside the package, so that the mutants find `ws`. */
const folder = join(here, "../node_modules/.cache/websocket-mutants");
let silent: SilentPort;
let mute: SilentPort;
let source: string;

beforeAll(async () => {
  silent = await silentPort();
  mute = await mutePort();
  source = await readFile(join(here, "fixtures/websocket-transport.ts"), "utf8");
  await mkdir(folder, { recursive: true });
  await build({
    stdin: { contents: 'export { MemberlistError } from "@memberlist/core";', resolveDir: here },
    outfile: join(folder, "core.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["@memberlist/source"],
    logLevel: "error",
  });
});

afterAll(async () => {
  await Promise.all([silent.close(), mute.close(), rm(folder, { recursive: true, force: true })]);
});

describe("a WebSocket transport, written by the docs, passes the conformance suite", () => {
  it.each(transportConformance(harnessOf(WebSocketTransport)))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("the conformance suite finds a mistake in a WebSocket transport", () => {
  // Most of them wait for a deadline that passes: so they wait together. The handles of others would count for one that leaves some open.
  const counting = websocketMutants.filter(({ rule }) => rule === "after shutdown, no handle is left");
  it.concurrent.each(websocketMutants.filter((mutant) => !counting.includes(mutant)))("$mistake", find);
  it.each(counting)("$mistake", find);

  async function find(mutant: WebSocketMutant): Promise<void> {
    const harness = { ...harnessOf(await mutated(mutant)), deadline: 2000 };
    const found = transportConformance(harness).find(({ name }) => name === mutant.rule);
    await expect(found?.run()).rejects.toThrow(mutant.mend);
  }
});

type Class = Pick<typeof WebSocketTransport, "create" | "maxPacketBytes">;

function harnessOf(transports: Class): ConformanceHarness {
  return {
    clock: systemClock(),
    maxPacketBytes: transports.maxPacketBytes,
    create: () => transports.create("127.0.0.1"),
    createIpv6: () => transports.create("::1"),
    createAt: ({ host, port }) => transports.create(host, port),
    addressOf: (transport: Transport) => (transport as WebSocketTransport).address,
    relay: tcpRelay,
    muteClient: tcpClient,
    silentAddress: () => Promise.resolve(silent.address),
    unansweredHandshake: () => Promise.resolve(mute.address),
    openHandles: () => process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP")).length,
  };
}

/** The transport with the mistake in its source. */
async function mutated({ mistake, change }: WebSocketMutant): Promise<Class> {
  let text = source;
  for (const [from, to] of change) {
    expect(text.split(from), `what is changed stands once in the source: ${from}`).toHaveLength(2);
    text = text.replace(from, () => to);
  }
  const { code } = await transform(text.replace('"@memberlist/core"', '"./core.mjs"'), { loader: "ts", format: "esm" });
  const file = join(folder, `${mistake.replaceAll(/\W+/g, "-")}.mjs`);
  await writeFile(file, code);
  const module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { WebSocketTransport: Class };
  return module.WebSocketTransport;
}

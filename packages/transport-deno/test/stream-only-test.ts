/** Run by Deno with its sanitizers, with `--allow-net` alone: without UDP, nothing unstable is needed. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { createMemberlist, type DenoConfig, type Memberlist } from "../src/index.ts";
import { DenoTransport } from "../src/deno-transport.ts";
import { silent, testConfig, until } from "./support.ts";

/** Pings that were answered by packets, for each member. */
const answered = new Map<string, number>();

function start(name: string, fields: Partial<DenoConfig> = {}): Promise<Memberlist> {
  return createMemberlist({
    ...testConfig(name),
    probeInterval: 200,
    probeTimeout: 100,
    gossipInterval: 50,
    // Gossip to a handful may miss one by chance, over UDP as well; the next push/pull does not.
    pushPullInterval: 500,
    streamOnly: true,
    ping: { notifyPingComplete: () => void answered.set(name, (answered.get(name) ?? 0) + 1) },
    ...fields,
  });
}

const names = (member: Memberlist): string =>
  member
    .members()
    .map((node) => node.name)
    .sort()
    .join();

Deno.test("a cluster without UDP forms, probes and broadcasts over streams, and sees a kill and a leave", async () => {
  const heard: string[] = [];
  const members = [];
  for (const name of ["a", "b", "c", "d"]) {
    const delegate = { notifyMsg: (bytes: Uint8Array) => void heard.push(`${name}: ${new TextDecoder().decode(bytes)}`) };
    members.push(await start(name, { delegate }));
  }
  const [a, b, c, d] = members as [Memberlist, Memberlist, Memberlist, Memberlist];
  const seed = `127.0.0.1:${a.localNode().port}`;
  for (const member of [b, c, d]) await member.join([seed]);
  for (const member of members) await until(() => names(member) === "a,b,c,d", "all to be seen by all");
  await until(() => ["a", "b", "c", "d"].every((name) => (answered.get(name) ?? 0) >= 5), "five answered pings each");
  for (const member of members) strictEqual(member.counters()["probe.stream_only"], undefined);
  const received = c.members().find((node) => node.name === "b");
  if (received === undefined) throw new Error("no b");
  c.sendBestEffort(received, new TextEncoder().encode("by packet"));
  await until(() => heard.includes("b: by packet"), "a best-effort message");
  await d.shutdown();
  for (const member of [a, b, c]) await until(() => names(member) === "a,b,c", "the killed one to be found dead", 20_000);
  await c.leave();
  await c.shutdown();
  for (const member of [a, b]) await until(() => names(member) === "a,b", "the one that left to be gone");
  await Promise.all([a.shutdown(), b.shutdown()]);
});

Deno.test("streamOnly is refused together with config.transport", async () => {
  const transport = await DenoTransport.create({ bindAddrs: ["127.0.0.1"], bindPort: 0, udp: false, logger: silent });
  await rejects(start("a", { transport }), { code: "invalid_config" });
  const failed = await new Promise<unknown>((resolve) => {
    transport.writeTo(Uint8Array.of(1), { host: "127.0.0.1", port: 1, name: "" }, resolve);
  });
  deepStrictEqual((failed as { code?: unknown }).code, "send_failed");
  await transport.shutdown();
});

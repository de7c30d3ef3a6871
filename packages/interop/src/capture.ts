/**
 * Makes packages/memberlist/test/vectors/go-<version>.json: plays a peer by hand to a real Go peer, and keeps what that one
 * sends, one of each message and layer. Run it by `pnpm --filter @memberlist/interop capture`.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { quiet, Session, single, vectors } from "./capture-session.ts";
import { hex } from "./describe-wire.ts";
import type { FakePeer } from "./fake-peer.ts";
import { goVersion } from "./go-toolchain.ts";
import { seededBytes, toBase64, type PeerConfig } from "./peer-protocol.ts";
import { rawMessage, rawType } from "./raw-codec.ts";
import { until } from "./until.ts";

const repetitive = toBase64("the quick brown fox jumps over the lazy dog. ".repeat(8));
const emptyPushPull = (join: boolean): Uint8Array => rawMessage(rawType.pushPull, { Join: join, Nodes: 0, UserStateLen: 0 });
const rawPing = (seqNo: number): Uint8Array => rawMessage(rawType.ping, { Node: "goagent", SeqNo: seqNo });

await Session.run("", {}, async (session) => {
  const fake = await session.fake("fake");
  await session.preload(fake);
  // What it says at first comes in compounds, with its own alive message and the echo of ours.
  await session.packet("compound", fake, (is) => is.layers.join() === "compound" && is.messages.length > 1);
  // Once those are out, an alive message by itself follows from an update.
  await until(() => fake.packets.length >= 2, { what: "the first gossip" });
  await session.go.updateMeta("");
  await session.packet(
    "alive-v4-empty-meta",
    fake,
    single("alive", "", (m) => m["node"] === "goagent" && m["meta"] === ""),
  );
  await session.go.updateMeta("role=web");
  await session.packet(
    "alive-v4-meta-8",
    fake,
    single("alive", "", (m) => m["meta"] === hex(Buffer.from("role=web"))),
  );
  for (const size of [40, 300, 512]) {
    await session.go.updateMeta(seededBytes(size, size));
    await session.packet(
      `alive-v4-meta-${size}`,
      fake,
      single("alive", "", (m) => String(m["meta"]).length === 2 * size),
    );
  }
  fake.send(rawPing(7), session.go.node);
  await session.packet(
    "ack-nil-payload",
    fake,
    single("ack", "", (m) => m["seqNo"] === 7),
  );
  fake.send(rawPing(4_000_000_000), session.go.node);
  await session.packet(
    "ack-large-seqno",
    fake,
    single("ack", "", (m) => m["seqNo"] === 4_000_000_000),
  );
  for (const [name, size] of [
    ["user", 16],
    ["user-empty", 0],
    ["user-1000", 1000],
  ] as const) {
    await session.go.command("send", { node: "fake", mode: "bestEffort", payload: toBase64(seededBytes(size, 1)) });
    await session.packet(
      name,
      fake,
      single("user", "", (m) => m["size"] === size),
    );
  }
  // Small messages of the same moment ride together.
  for (let i = 0; i < 5; i++) await session.go.broadcast(`broadcast ${i}`);
  await session.packet(
    "compound-of-user",
    fake,
    (is) => is.layers.join() === "compound" && is.messages.every((m) => m.type === "user"),
  );

  await session.settle(fake);
  // Relayed pings: to one that answers, and to one that does not.
  const indirect = (seqNo: number, target: FakePeer, nack: boolean): Uint8Array =>
    rawMessage(rawType.indirectPing, { SeqNo: seqNo, Target: target.addr, Port: target.port, Node: target.name, Nack: nack });
  const answering = await session.fake("answering");
  fake.send(indirect(21, answering, true), session.go.node);
  await session.packet(
    "ping-relayed",
    answering,
    single("ping", "", (m) => m["node"] === "answering"),
  );
  await session.packet(
    "ack-relayed",
    fake,
    single("ack", "", (m) => m["seqNo"] === 21),
  );
  const silent = await session.fake("silent", { answerPings: false });
  fake.send(indirect(300, silent, true), session.go.node);
  await session.packet(
    "nack",
    fake,
    single("nack", "", (m) => m["seqNo"] === 300),
  );

  // Streams.
  await session.answered("stream-push-pull-join", fake, emptyPushPull(true));
  await session.answered("stream-push-pull", fake, emptyPushPull(false));
  await session.go.setUserState("state of the user");
  await session.answered("stream-push-pull-user-state", fake, emptyPushPull(false));
  await session.answered("stream-ack", fake, rawPing(9));
  await session.answered("stream-err", fake, Uint8Array.of(rawType.encrypt, 0, 0, 0, 1, 0));
  fake.answerStream = () => emptyPushPull(false);
  await session.go.join(fake.address);
  await session.dialled("stream-push-pull-dialled", fake, single("pushPull", ""));
  for (const [name, size] of [
    ["stream-user", 100],
    ["stream-user-200", 200],
    ["stream-user-300", 300],
    ["stream-user-70000", 70_000],
  ] as const) {
    await session.go.command("send", { node: "fake", mode: "reliable", payload: toBase64(seededBytes(size, 2)) });
    await session.dialled(
      name,
      fake,
      single("user", "", (m) => m["size"] === size),
    );
  }
  await session.go.leave();
  await session.packet(
    "dead-left",
    fake,
    single("dead", "", (m) => m["node"] === "goagent" && m["from"] === "goagent"),
  );
});

const failing: Partial<PeerConfig> = {
  ...quiet,
  retransmitMult: 8,
  probeInterval: 300,
  suspicionMult: 1,
  suspicionMaxTimeoutMult: 1,
  indirectChecks: 2,
};
await Session.run("failing-", failing, async (session) => {
  const helper = await session.fake("helper");
  const old = await session.fake("old", { vsn: [1, 3, 2, 0, 0, 0] });
  const failing = await session.fake("failing", { answerPings: false });
  for (const fake of [helper, old, failing]) await session.preload(fake);
  await session.packet("ping", failing, single("ping", ""));
  await session.packet(
    "indirect-ping-nack",
    helper,
    single("indirectPing", "", (m) => m["nack"] === true),
  );
  await session.packet(
    "indirect-ping",
    old,
    single("indirectPing", "", (m) => m["nack"] === false),
  );
  await session.dialled("stream-ping", failing, single("ping", ""));
  await session.packet(
    "suspect",
    helper,
    single("suspect", "", (m) => m["node"] === "failing"),
  );
  await session.packet(
    "dead",
    helper,
    single("dead", "", (m) => m["node"] === "failing" && m["from"] === "goagent"),
  );
  old.send(rawMessage(rawType.dead, { Incarnation: 1, Node: "old", From: "old" }), session.go.node);
  await session.go.waitForState("old", "left");
  await session.answered("stream-push-pull-dead-and-left", helper, emptyPushPull(false));
});
await Session.run("suspected-", { ...failing, suspicionMult: 20 }, async (session) => {
  const fake = await session.fake("failing", { answerPings: false });
  await session.preload(fake);
  await session.packet("ping-and-suspect", fake, (is) => is.messages.map((m) => m.type).join() === "ping,suspect");
  await session.answered("stream-push-pull-suspect", fake, emptyPushPull(false));
});

await Session.run("payload-", { ackPayload: toBase64("payload of an ack"), meta: toBase64("some meta") }, async (session) => {
  const fake = await session.fake("fake");
  fake.send(rawPing(70_000), session.go.node);
  await session.packet("ack", fake, (is) => is.messages.some((m) => m.type === "ack" && m["payload"] !== null));
});

await Session.run("v6-", { bindAddr: "::1" }, async (session) => {
  const fake = await session.fake("fake", { host: "::1" });
  await session.preload(fake);
  await session.packet("compound", fake, (is) => is.layers.join() === "compound" && is.messages.length > 1);
  await session.go.updateMeta("x");
  await session.packet(
    "alive",
    fake,
    single("alive", "", (m) => m["addr"] === "::1" && m["node"] === "goagent"),
  );
  await session.answered("stream-push-pull", fake, emptyPushPull(false));
});

// A transport that advertises IPv4 in 16 bytes.
await Session.run("mapped-", { advertiseMapped: true }, async (session) => {
  const fake = await session.fake("fake");
  await session.preload(fake);
  await session.packet("compound", fake, (is) => is.layers.join() === "compound" && is.messages.length > 1);
  await session.go.updateMeta("x");
  await session.packet(
    "alive",
    fake,
    single("alive", "", (m) => m["isMapped"] === true && m["node"] === "goagent"),
  );
  await session.answered("stream-push-pull", fake, emptyPushPull(false));
});

await Session.run("compressed-", { enableCompression: true, meta: toBase64("a".repeat(200)) }, async (session) => {
  const fake = await session.fake("fake");
  await session.preload(fake);
  await session.packet("compound", fake, (is) => is.layers.join() === "compress,compound");
  await session.go.command("send", { node: "fake", mode: "bestEffort", payload: repetitive });
  await session.packet("user", fake, single("user", "compress"));
  // What would only grow stays as it is in a packet, but not on a stream.
  await session.go.command("send", { node: "fake", mode: "bestEffort", payload: toBase64(seededBytes(64, 3)) });
  await session.packet("user-incompressible", fake, single("user", ""));
  await session.answered("stream-push-pull", fake, emptyPushPull(false));
  await session.answered("stream-ack", fake, rawPing(9));
  await session.answered("stream-err", fake, Uint8Array.of(rawType.encrypt, 0, 0, 0, 1, 0));
  for (const [name, size] of [
    ["stream-user", 100],
    ["stream-user-20000", 20_000],
  ] as const) {
    await session.go.command("send", { node: "fake", mode: "reliable", payload: toBase64(seededBytes(size, 4)) });
    await session.dialled(
      name,
      fake,
      single("user", "compress", (m) => m["size"] === size),
    );
  }
});

for (const enableCompression of [false, true]) {
  await Session.run(enableCompression ? "crc-compressed-" : "crc-", { enableCompression }, async (session) => {
    const fake = await session.fake("fake", { vsn: [1, 5, 2, 0, 0, 0] });
    await session.preload(fake);
    await session.go.command("send", { node: "fake", mode: "bestEffort", payload: repetitive });
    await session.packet("user", fake, single("user", enableCompression ? "crc compress" : "crc"));
    await session.packet("compound", fake, (is) => is.layers.at(-1) === "compound" && is.layers[0] === "crc");
  });
}

await Session.run("label-", { label: "interop" }, async (session) => {
  const fake = await session.fake("fake");
  const label = Uint8Array.of(rawType.label, 7, ...new TextEncoder().encode("interop"));
  fake.send(Uint8Array.from([...label, ...fake.alive()]), session.go.node);
  await session.go.waitForState("fake", "alive");
  await session.go.command("send", { node: "fake", mode: "bestEffort", payload: toBase64("hello") });
  await session.packet("user", fake, single("user", "label"));
  await session.packet("compound", fake, (is) => is.layers.join() === "label,compound");
  await session.answered("stream-ack", fake, Uint8Array.from([...label, ...rawPing(9)]));
  await session.answered("stream-push-pull", fake, Uint8Array.from([...label, ...emptyPushPull(false)]));
  await session.go.command("send", { node: "fake", mode: "reliable", payload: toBase64("hello") });
  await session.dialled("stream-user", fake, single("user", "label"));
});

// Encrypted: plain input is taken too (gossipVerifyIncoming off), so that the peer played by hand needs no cipher.
const encrypted: readonly (readonly [string, number, Partial<PeerConfig>])[] = [
  ["encrypted-v1-128-", 16, {}],
  ["encrypted-v1-192-", 24, {}],
  ["encrypted-v1-256-", 32, {}],
  ["encrypted-v1-label-", 32, { label: "interop" }],
  ["encrypted-v1-compressed-", 16, { enableCompression: true }],
  ["encrypted-v0-", 16, { protocolVersion: 1 }],
  ["encrypted-v0-label-", 24, { protocolVersion: 1, label: "interop" }],
];
for (const [prefix, keySize, more] of encrypted) {
  const secretKey = toBase64(seededBytes(keySize, keySize));
  await Session.run(prefix, { secretKey, gossipVerifyIncoming: false, ...more }, async (session) => {
    // A node of protocol 1 takes its own bind port for everybody's, so that only answers reach another port.
    const fake = await session.fake("fake", { vsn: [1, 5, 2, 0, 0, 0] });
    const text = new TextEncoder().encode(more.label ?? "");
    const label = text.length === 0 ? new Uint8Array() : Uint8Array.of(rawType.label, text.length, ...text);
    const labelled = (message: Uint8Array): Uint8Array => Uint8Array.from([...label, ...message]);
    const under = (layers: string): string => (text.length === 0 ? layers : `label ${layers}`);
    const version = more.protocolVersion === 1 ? "encrypt0" : "encrypt1";
    fake.send(labelled(rawPing(5)), session.go.node);
    await session.packet("packet", fake, (is) => is.layers.includes(version) && is.messages.some((m) => m.type === "ack"));
    await session.go.command("send", { addr: fake.address, mode: "address", payload: toBase64("seventeen letters") });
    await session.packet(
      "user",
      fake,
      single("user", under(version), (m) => m["size"] === 17),
    );
    await session.go.command("send", { addr: fake.address, mode: "address", payload: repetitive });
    await session.packet(
      "user-long",
      fake,
      single("user", under(more.enableCompression ? `${version} compress` : version), (m) => Number(m["size"]) > 17),
    );
    await session.answered("stream-push-pull", fake, labelled(emptyPushPull(false)));
    fake.answerStream = () => emptyPushPull(false);
    await session.go.join(fake.address);
    await session.dialled(
      "stream-push-pull-dialled",
      fake,
      single("pushPull", under(more.enableCompression ? `${version} compress` : version)),
    );
  });
}

const go = /go\d\S*/.exec((await goVersion()) ?? "")?.[0] ?? "unknown";
const version = "0.7.0";
const file = fileURLToPath(new URL(`../../memberlist/test/vectors/go-${version}.json`, import.meta.url));
await mkdir(new URL("../../memberlist/test/vectors/", import.meta.url), { recursive: true });
const lines = vectors.map((vector) => `    ${JSON.stringify(vector)}`);
await writeFile(file, `{\n  "memberlist": "v${version}",\n  "go": "${go}",\n  "vectors": [\n${lines.join(",\n")}\n  ]\n}\n`);
process.stdout.write(`${vectors.length} vectors\n`);

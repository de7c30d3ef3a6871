import { expect, it } from "vitest";
import { fromBase64, seededBytes, toBase64, type MessageEvent, type PeerConfig } from "../src/peer-protocol.ts";
import type { Peer } from "../src/peer.ts";
import { rawType, unwrap } from "../src/raw-codec.ts";
import { until } from "../src/until.ts";
import { describeWithGo, isMessage, ours, pairs, quiet, useCluster, type ProxiedPeer } from "./support.ts";

const text = "the quick brown fox jumps over the lazy dog. ".repeat(20);

/** Sends the bytes of a seed, and waits until they have arrived whole. */
async function deliver(
  from: Peer,
  to: Peer,
  mode: "bestEffort" | "reliable" | "address",
  size: number,
  seed: number,
): Promise<MessageEvent> {
  const payload = { size, seed };
  await from.command("send", mode === "address" ? { ...payload, mode, addr: to.address } : { ...payload, mode, node: to.name });
  return to.waitFor(isMessage(seededBytes(size, seed)), { what: `${mode} of ${size} bytes` });
}

describeWithGo.each(pairs)("a message from a %s node to a %s node", (sender, receiver) => {
  const cluster = useCluster();
  const form = async (config: Partial<PeerConfig> = {}): Promise<[Peer, Peer]> => {
    const a = await cluster.start(sender, "a", { ...quiet, ...config });
    const b = await cluster.start(receiver, "b", { ...quiet, ...config });
    await cluster.form(a, b);
    return [a, b];
  };

  it("arrives by packet, up to the size of a datagram", async () => {
    const [a, b] = await form();
    for (const [i, size] of [1, 1024, 1400, 9_000, 60_000].entries()) await deliver(a, b, "bestEffort", size, i);
    await deliver(a, b, "address", 100, 77);
    await expect(a.command("send", { node: "b", mode: "bestEffort", size: 65_536, seed: 1 })).rejects.toThrow(/exceeds|long/);
  });

  it("arrives by stream, whole and in any size", async () => {
    const [a, b] = await form();
    for (const [i, size] of [1, 1024, 65_536, 1_048_576].entries()) {
      expect(await deliver(a, b, "reliable", size, i)).toMatchObject({ size });
    }
  });

  it("arrives when many are sent at once", async () => {
    const [a, b] = await form();
    const seeds = Array.from({ length: 50 }, (_unused, i) => i + 1);
    await Promise.all(seeds.map((seed) => a.command("send", { node: "b", mode: "reliable", size: 3_000, seed })));
    await Promise.all(seeds.map((seed) => b.waitFor(isMessage(seededBytes(3_000, seed)), { what: `message ${seed}` })));
    expect(b.events.filter((event) => event.event === "message")).toHaveLength(seeds.length);
  });

  it("arrives by packet even without a byte of the user's", async () => {
    const [a, b] = await form();
    await a.command("send", { node: "b", mode: "bestEffort", payload: "" });
    const event = await b.waitFor(isMessage(new Uint8Array()), { what: "an empty message" });
    expect(event.payload).toBe("");
  });

  it("arrives by gossip, as a part of a compound", async () => {
    const [a, b] = await form();
    const payloads = Array.from({ length: 120 }, (_unused, i) => `broadcast ${i}`);
    await Promise.all(payloads.map((payload) => a.broadcast(payload)));
    for (const payload of payloads) await b.waitFor(isMessage(Buffer.from(payload)), { what: payload });
    expect(a.events.filter((event) => event.event === "message")).toEqual([]);
  });

  it.each([
    [true, false],
    [false, true],
    [true, true],
  ])("arrives with compression %s at the sender and %s at the receiver", async (here, there) => {
    const a = await cluster.start(sender, "a", { ...quiet, enableCompression: here, userState: toBase64(text) });
    const b = await cluster.start(receiver, "b", { ...quiet, enableCompression: there, userState: toBase64("b") });
    await cluster.form(a, b);
    await b.waitFor((event) => event.event === "userStateMerged" && event.payload === toBase64(text), { what: "a's user state" });
    for (const mode of ["bestEffort", "reliable"] as const) {
      const from = b.events.length;
      await a.command("send", { node: "b", mode, payload: toBase64(text) });
      await b.waitFor(isMessage(Buffer.from(text)), { what: `the text by ${mode}`, from });
      expect(await deliver(a, b, mode, 20_000, 5)).toMatchObject({ size: 20_000 });
    }
  });
});

/** What is on the wire to a node, as a proxy before it sees it. */
describeWithGo.each(pairs)("a packet from a %s node to a %s node", (sender, receiver) => {
  const cluster = useCluster();
  const tapped = async (config: Partial<PeerConfig> = {}): Promise<{ a: Peer; b: ProxiedPeer; packets: Uint8Array[] }> => {
    const a = await cluster.start(sender, "a", { ...quiet, ...config });
    const b = await cluster.startProxied(receiver, "b", { ...quiet, ...config });
    const packets: Uint8Array[] = [];
    b.proxy.onPacket = (packet) => packets.push(packet);
    await cluster.form(a, b.peer);
    return { a, b, packets };
  };

  it("carries a checksum, since both speak version 5", async () => {
    const { a, b, packets } = await tapped({ enableCompression: false });
    await deliver(a, b.peer, "bestEffort", 500, 9);
    const own = packets.filter((packet) => packet.includes(rawType.user) && packet.length === 506);
    expect(own.map((packet) => [packet[0], packet[5]])).toEqual([[rawType.crc, rawType.user]]);
    await a.broadcast("gossip");
    await b.peer.waitFor(isMessage(Buffer.from("gossip")), { what: "the gossip" });
    expect(packets.some((packet) => packet[0] === rawType.crc && unwrap(packet).some((part) => part[0] === rawType.user))).toBe(
      true,
    );
  });

  it("uses compression where that makes it smaller", async () => {
    const { a, b, packets } = await tapped({ enableCompression: true });
    await a.command("send", { node: "b", mode: "bestEffort", payload: toBase64(text) });
    await b.peer.waitFor(isMessage(Buffer.from(text)), { what: "the text" });
    expect(packets.some((packet) => packet[5] === rawType.compress && packet.length < text.length)).toBe(true);
    packets.length = 0;
    await deliver(a, b.peer, "bestEffort", 500, 9);
    expect(packets.some((packet) => packet[5] === rawType.user && packet.length === 506)).toBe(true);
  });

  it("contains several small broadcasts, within the size of a packet", async () => {
    const { a, b, packets } = await tapped({ enableCompression: false });
    const payloads = Array.from({ length: 100 }, (_unused, i) => `small broadcast number ${i}`);
    await Promise.all(payloads.map((payload) => a.broadcast(payload)));
    for (const payload of payloads) await b.peer.waitFor(isMessage(Buffer.from(payload)), { what: payload });
    const users = packets.map((packet) => unwrap(packet).filter((part) => part[0] === rawType.user).length);
    expect(Math.max(...users)).toBeGreaterThan(10);
    expect(Math.max(...packets.map((packet) => packet.length))).toBeLessThanOrEqual(1400 + 5);
  });
});

describeWithGo("a broadcast in a mixed cluster", () => {
  const cluster = useCluster();

  it("reaches every node when each passes it on, and arrives unchanged", async () => {
    const kinds = ["go", ours, "go", ours, ours] as const;
    const config = { rebroadcast: true };
    const peers = await Promise.all(kinds.map((kind, i) => cluster.start(kind, `${kind}-${i}`, config)));
    await cluster.form(...peers);
    const payloads = peers.map((peer, i) => [peer, seededBytes(200, i + 1)] as const);
    for (const [peer, payload] of payloads) await peer.broadcast(payload);
    for (const [origin, payload] of payloads) {
      for (const peer of peers) {
        if (peer !== origin) await peer.waitFor(isMessage(payload), { what: `the broadcast of ${origin.name} at ${peer.name}` });
      }
    }
    const sent = new Set(payloads.map(([, payload]) => toBase64(payload)));
    const got = peers.flatMap((peer) => peer.events.filter((event): event is MessageEvent => event.event === "message"));
    expect(got.every((event) => sent.has(toBase64(fromBase64(event.payload ?? ""))))).toBe(true);
    await until(async () => (await Promise.all(peers.map((peer) => peer.health()))).every((score) => score === 0), {
      what: "all healthy",
    });
  });
});

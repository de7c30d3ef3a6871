import { describe, expect, it } from "vitest";
import type { Node } from "../../src/index.ts";
import { encodeDead, encodeUser } from "../../src/wire/messages/encode.ts";
import { encodePacket } from "../../src/wire/packet.ts";
import { encodeStreamMessage } from "../../src/wire/stream-layers.ts";
import { aes, cipherOf, flipped, patterned } from "../wire/aes.ts";
import { bytes, clusters, codes, names, text, type Cluster, type TestNode } from "./cluster.ts";
import { Accusations, allSee, everybody, sentPackets } from "./encryption-support.ts";
import { aliveMessage, RawPeer, stateMessage } from "./raw-peer.ts";

const cluster = clusters();
const key = patterned(16, 1);
const label = bytes("dc1");
const cipher = cipherOf([aes(key)]);
const foreign = cipherOf([aes(patterned(32, 2))]);
const plain = { compress: false, crc: false, label };

/** Three healthy nodes, and an attacker that can send anything to the first. */
async function three(): Promise<{ one: Cluster; nodes: TestNode[]; peer: RawPeer; accusations: Accusations; got: string[] }> {
  const one = cluster();
  const accusations = new Accusations();
  const got: string[] = [];
  const delegate = { notifyMsg: (message: Uint8Array) => void got.push(text(message)) };
  const fields = { secretKey: key, label: "dc1", metrics: accusations.metrics, handoffQueueDepth: 10_000 };
  const nodes = await one.joined(3, (i) => (i === 0 ? { ...fields, delegate } : fields));
  return { one, nodes, peer: new RawPeer(one), accusations, got };
}

const kill = encodeDead({ incarnation: 9, node: "node-1", from: "node-2" });

describe("a node that receives invalid packets", () => {
  it("changes no state: a wrong key or label, no label, any byte changed, truncated anywhere", async () => {
    const { one, nodes, peer, accusations } = await three();
    const [a] = nodes as [TestNode];
    const before = nodes.map(everybody);
    const good = encodePacket(kill, { ...plain, cipher });
    const relabelled = encodePacket(kill, { ...plain, label: bytes("dc2"), cipher });
    const undecryptable = [
      encodePacket(kill, { ...plain, cipher: foreign }),
      encodePacket(kill, plain),
      encodePacket(kill, { ...plain, crc: true }),
      encodePacket(aliveMessage("stranger", "10.9.9.9"), plain),
      // Encrypted with another label, and sent with ours.
      Uint8Array.from([...good.subarray(0, 5), ...relabelled.subarray(5)]),
      // The label was removed from the packet, but it is part of the authenticated data.
      Uint8Array.from([...good.subarray(0, 5), ...encodePacket(kill, { ...plain, label: new Uint8Array(), cipher })]),
    ];
    for (let at = 5; at < good.length; at++) undecryptable.push(flipped(good, at), good.subarray(0, at));
    const mismatched = [
      good.subarray(5),
      relabelled,
      encodePacket(kill, { ...plain, label: new Uint8Array() }),
      flipped(good, 3),
    ];
    const cutLabels = [good.subarray(0, 1), good.subarray(0, 3), flipped(good, 1, 3)];
    for (const packet of [...undecryptable, ...mismatched, ...cutLabels]) peer.send(packet, a);
    await one.advance(30_000);
    expect(nodes.map(everybody)).toEqual(before);
    expect([accusations.count, peer.packets.length]).toEqual([0, 0]);
    expect(a.members.counters()).toEqual({
      "dropped.decrypt_failed": undecryptable.length,
      "dropped.label_mismatch": mismatched.length,
      "dropped.bad_label": cutLabels.length,
    });
    // The log lines are rate-limited, and have the number suppressed.
    expect(codes(a).filter((code) => code === "packet_dropped").length).toBeLessThan(30);
  });

  it("drops them without a key", async () => {
    const one = cluster();
    const accusations = new Accusations();
    const nodes = await one.joined(2, { label: "dc1", metrics: accusations.metrics });
    const [a] = nodes as [TestNode];
    const before = nodes.map(everybody);
    const peer = new RawPeer(one);
    // Versions 0 and 1 look like a ping and an indirect ping. Their bodies must start like a map, and no nonce here does.
    for (let i = 0; i < 20; i++) {
      const keys = [aes(key, () => patterned(12, i).fill(0xa0 + i, 0, 1))];
      for (const version of [0, 1] as const) peer.send(encodePacket(kill, { ...plain, cipher: cipherOf(keys, { version }) }), a);
    }
    await one.advance(10_000);
    expect(nodes.map(everybody)).toEqual(before);
    expect([accusations.count, peer.packets.length]).toEqual([0, 0]);
    const counts = Object.entries(a.members.counters());
    expect(counts.every(([name]) => name.startsWith("dropped."))).toBe(true);
    expect(counts.reduce((sum, [, count]) => sum + count, 0)).toBe(40);
  });

  it("accepts them once they are valid: it trusts each holder of the key as a member", async () => {
    const { one, nodes, peer } = await three();
    const [a] = nodes as [TestNode];
    peer.send(encodePacket(aliveMessage("stranger", "10.9.9.9"), { ...plain, cipher }), a);
    await one.until(() => names(a).includes("stranger"));
    expect(a.members.counters()).toEqual({});
  });
});

describe("a node that receives invalid streams", () => {
  const state = stateMessage("stranger", "10.9.9.9", true);
  const security = { label, cipher };
  const header = Uint8Array.of(244, 3, ...label);

  it.each([
    ["plaintext", state, "not_encrypted"],
    ["another key", encodeStreamMessage(state, { compress: false }, { label, cipher: foreign }), "decrypt_failed"],
    ["another label inside", encodeStreamMessage(state, { compress: true }, { label: bytes("dc2"), cipher }), "decrypt_failed"],
    ["a bit changed", flipped(encodeStreamMessage(state, { compress: false }, security), 40), "decrypt_failed"],
    ["a tag too short", Uint8Array.of(10, 0, 0, 0, 5, 1, 2, 3, 4, 5), "decrypt_failed"],
    ["a length of 4 GiB", Uint8Array.of(10, 255, 255, 255, 255), "limit_exceeded"],
    ["nothing inside", encodeStreamMessage(new Uint8Array(), { compress: false }, security), "protocol_error"],
    ["a type that is for packets", encodeStreamMessage(kill, { compress: false }, security), "unknown_type"],
  ] as const)("changes no state: %s", async (_what, message, reason) => {
    const { one, nodes, peer, accusations } = await three();
    const [a] = nodes as [TestNode];
    const before = nodes.map(everybody);
    const stream = await peer.dial(a);
    await stream.write(Uint8Array.from([...header, ...message]));
    const answer = await one.settle(stream.rest());
    // The error message is encrypted, too: a peer without the key learns nothing.
    expect(answer[0]).toBe(reason === "unknown_type" ? undefined : 10);
    await one.advance(10_000);
    expect(a.members.counters()).toMatchObject({ [`stream_dropped.${reason}`]: 1 });
    expect([nodes.map(everybody), accusations.count]).toEqual([before, 0]);
  });

  it("changes no state when they end early", async () => {
    const { one, nodes, peer, accusations } = await three();
    const [a] = nodes as [TestNode];
    const before = nodes.map(everybody);
    const whole = Uint8Array.from([...header, ...encodeStreamMessage(state, { compress: false }, security)]);
    for (let size = 0; size < whole.length; size++) {
      const stream = await peer.dial(a);
      await stream.write(whole.subarray(0, size));
      await stream.finish();
      await one.settle(stream.rest());
    }
    await one.advance(10_000);
    expect([nodes.map(everybody), accusations.count]).toEqual([before, 0]);
    // An empty stream, and one with only a label, have no message, which is not an error.
    expect(a.members.counters()).toEqual({
      "stream_dropped.bad_label": 4,
      "stream_dropped.stream_closed": whole.length - 6,
    });
  });
});

describe("a replay of recorded packets", () => {
  it("does not change which members are alive, because the state rules ignore old messages", async () => {
    const one = cluster();
    const packets = sentPackets(one);
    const fields = { secretKey: key, gossipToTheDeadTime: 600_000 };
    const nodes = await one.joined(3, fields);
    const [a, b, c] = nodes as [TestNode, TestNode, TestNode];
    // One dies and returns, one leaves and rejoins, one changes: the packets have every kind of membership message.
    await c.members.shutdown();
    await one.until(() => a.members.numMembers() === 2 && b.members.numMembers() === 2, 120_000);
    const again = await one.start({ ...fields, name: c.name, host: c.transport.host });
    await one.settle(again.members.join([a.seed]));
    await one.settle(b.members.leave());
    await one.until(() => a.members.numMembers() === 2);
    await b.members.shutdown();
    const back = await one.start({ ...fields, name: b.name, host: b.transport.host });
    await one.settle(back.members.join([a.seed]));
    await one.settle(a.members.updateNode({ meta: bytes("new") }));
    const alive = [a, back, again];
    await one.until(() => allSee(alive));
    await one.advance(20_000);

    const recorded = packets.splice(0);
    const before = alive.map(everybody);
    const counted = alive.map((node) => new Map(Object.entries(node.members.counters())));
    const events = alive.map((node) => node.members.events());
    const peer = new RawPeer(one);
    for (const packet of recorded) for (const node of alive) peer.send(packet.bytes, node);
    await one.advance(60_000);
    expect(recorded.length).toBeGreaterThan(100);
    expect(alive.map(everybody)).toEqual(before);
    // Each packet was sent to each node: pings among them were for another node.
    for (const [i, { members }] of alive.entries()) {
      const grown = Object.entries(members.counters()).filter(([name, count]) => count !== counted[i]?.get(name));
      expect(grown.map(([name]) => name)).toEqual(["dropped.ping_for_other_node"]);
    }
    for (const stream of events) {
      // The stream has no other event: the next one is its end.
      const next = stream.next();
      await stream.return();
      expect(await next).toEqual({ done: true, value: undefined });
    }
  });

  it("revives a forgotten node only until it is probed", async () => {
    const one = cluster();
    const packets = sentPackets(one);
    const left: Node[] = [];
    const fields = { secretKey: key, gossipToTheDeadTime: 1_000 };
    const events = { notifyLeave: (node: Node) => void left.push(node) };
    const [a, , c] = (await one.joined(3, (i) => (i === 0 ? { ...fields, events } : fields))) as [TestNode, TestNode, TestNode];
    await one.advance(5_000);
    const recorded = packets.splice(0);
    await c.members.shutdown();
    await one.until(() => left.length === 1, 120_000);
    await one.advance(60_000);
    const peer = new RawPeer(one);
    for (const packet of recorded) peer.send(packet.bytes, a);
    await one.until(() => a.members.numMembers() === 3);
    await one.until(() => a.members.numMembers() === 2, 120_000);
    expect(left.map(({ name }) => name)).toEqual([c.name, c.name]);
  });

  it("delivers a user message again: the application has to detect duplicates", async () => {
    const { one, nodes, peer, got } = await three();
    const [a, b] = nodes as [TestNode, TestNode];
    const packets = sentPackets(one);
    b.members.sendBestEffort(a.members.localNode(), bytes("pay 10"));
    await one.advance(10);
    const [sent] = packets;
    for (let i = 0; i < 2; i++) peer.send(sent?.bytes as Uint8Array, a);
    await one.advance(10);
    expect(got).toEqual(["pay 10", "pay 10", "pay 10"]);
    // A modified message is not delivered.
    peer.send(encodePacket(encodeUser(bytes("pay 99")), { ...plain, cipher: foreign }), a);
    await one.advance(10);
    expect([got.length, a.members.counters()]).toEqual([3, { "dropped.decrypt_failed": 1 }]);
  });
});

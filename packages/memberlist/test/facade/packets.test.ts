import { describe, expect, it } from "vitest";
import { decodeAckResp, decodeAlive } from "../../src/wire/messages/decode.ts";
import { encodePing, encodeUser } from "../../src/wire/messages/encode.ts";
import { splitCompound } from "../../src/wire/compound.ts";
import { encodePacket } from "../../src/wire/packet.ts";
import { bytes, clusters, codes, inThread, text, type TestNode } from "./cluster.ts";
import { aliveMessage, labelled, RawPeer } from "./raw-peer.ts";

const cluster = clusters();
const noLabel = new Uint8Array();

describe("an outgoing packet", () => {
  it("carries broadcasts along with an ack [SendMsg_Piggyback]", async () => {
    const one = cluster();
    const node = await one.start({ enableCompression: false, gossipInterval: 0, probeInterval: 0 });
    // A message from one peer is piggybacked to the other.
    await new RawPeer(one, "10.9.9.8").become("rand", node, { incarnation: 10 });
    const peer = new RawPeer(one, "10.9.9.9");
    peer.send(encodePing({ seqNo: 42, node: "", sourceAddr: "10.9.9.9", sourcePort: 7946, sourceNode: "test" }), node);
    await one.advance(10);
    expect(peer.packets).toHaveLength(1);
    const packet = peer.packets[0]?.bytes as Uint8Array;
    expect(packet[0]).toBe(7);
    const { parts, truncated } = splitCompound(packet.subarray(1));
    expect(truncated).toBe(0);
    const [ack, ...riders] = parts as [Uint8Array, ...Uint8Array[]];
    expect(decodeAckResp(ack.subarray(1)).seqNo).toBe(42);
    expect(riders.map((part) => decodeAlive(part.subarray(1))).map(({ node: name, incarnation }) => [name, incarnation])).toEqual(
      [
        ["node-0", 1],
        ["rand", 10],
      ],
    );
  });

  it("carries a checksum if the receiver is known to understand it [RawSendUdp_CRC]", async () => {
    const one = cluster();
    const node = await one.start({ enableCompression: false, gossipInterval: 0, probeInterval: 1_000 });
    const peer = new RawPeer(one);
    node.members.sendBestEffort("10.9.9.9", bytes("abc"));
    await one.advance(10);
    expect([...(peer.packets[0]?.bytes ?? [])]).toEqual([8, ...bytes("abc")]);

    const known = { ...node.members.localNode(), name: "test", addr: "10.9.9.9" };
    node.members.sendBestEffort({ ...known, pMax: 5 }, bytes("abc"));
    node.members.sendBestEffort({ ...known, pMax: 4 }, bytes("abc"));
    await one.advance(10);
    const [, withSum, without] = peer.packets.map((packet) => packet.bytes);
    expect(withSum?.length).toBe(9);
    expect(withSum?.[0]).toBe(12);
    expect(without?.length).toBe(4);

    // A member from the table: its pings have a checksum only if the member understands it.
    for (const [name, pMax, type] of [
      ["new", 5, 12],
      ["old", 4, 0],
    ] as const) {
      const probed = new RawPeer(one, `10.9.8.${pMax}`);
      await probed.become(name, node, { vsn: [1, pMax, 2, 0, 0, 0] });
      await one.settle(node.members.ping(`${name}/${probed.transport.host}`).catch(() => undefined));
      expect([12, 7, 0]).toContain(probed.packets[0]?.bytes[0]);
      expect(probed.packets.every((packet) => (packet.bytes[0] === 12) === (type === 12))).toBe(true);
    }
  });

  it("carries the label, and uses compression only if that makes it smaller", async () => {
    const one = cluster();
    const node = await one.start({ label: "ours", gossipInterval: 0, coalesceMessages: false });
    const peer = new RawPeer(one);
    node.members.sendBestEffort("10.9.9.9", bytes("abc"));
    node.members.sendBestEffort("10.9.9.9", new Uint8Array(1_000));
    await one.advance(10);
    const [small, large] = peer.packets.map((packet) => packet.bytes) as [Uint8Array, Uint8Array];
    expect([...small]).toEqual([244, 4, ...bytes("ours"), 8, ...bytes("abc")]);
    expect(large[6]).toBe(9);
    expect(large.length).toBeLessThan(200);
  });
});

describe("a node that receives packets", () => {
  it("drops and logs packets with a wrong checksum [IngestPacket_CRC]", async () => {
    const one = cluster();
    const messages: string[] = [];
    const node = await one.start({ delegate: { notifyMsg: (message) => void messages.push(text(message)) } });
    const peer = new RawPeer(one);
    const encoded = encodePacket(encodeUser(bytes("hello")), { compress: false, crc: true, label: noLabel });
    expect(encoded.length).toBe(11);
    peer.send(encoded, node);
    const corrupt = encoded.slice();
    corrupt[1] = (corrupt[1] as number) ^ 0x10;
    peer.send(corrupt, node);
    await one.advance(10);
    expect(messages).toEqual(["hello"]);
    expect(node.members.counters()).toEqual({ "dropped.bad_crc": 1 });
    expect(node.log).toEqual([
      expect.objectContaining({
        level: "warn",
        fields: expect.objectContaining({ code: "packet_dropped", reason: "bad_crc", from: "10.9.9.9:7946" }),
      }),
    ]);
  });

  it("drops packets whose label is missing, empty or another one", async () => {
    const one = cluster();
    const messages: string[] = [];
    const node = await one.start({ label: "ours", delegate: { notifyMsg: (message) => void messages.push(text(message)) } });
    const peer = new RawPeer(one);
    peer.send(labelled(encodeUser(bytes("ours")), "ours"), node);
    peer.send(labelled(encodeUser(bytes("other")), "theirs"), node);
    peer.send(encodeUser(bytes("none")), node);
    peer.send(Uint8Array.of(244, 0, 8, 1), node);
    await one.advance(10);
    expect(messages).toEqual(["ours"]);
    expect(node.members.counters()).toEqual({ "dropped.label_mismatch": 2, "dropped.bad_label": 1 });
  });

  it("accepts only packets without a label if a front end has already removed it", async () => {
    const one = cluster();
    const messages: string[] = [];
    const delegate = { notifyMsg: (message: Uint8Array) => void messages.push(text(message)) };
    const node = await one.start({ label: "ours", skipInboundLabelCheck: true, delegate });
    const peer = new RawPeer(one);
    peer.send(labelled(encodeUser(bytes("ours")), "ours"), node);
    peer.send(encodeUser(bytes("none")), node);
    await one.advance(10);
    expect(messages).toEqual(["none"]);
    expect(node.members.counters()).toEqual({ "dropped.double_label": 1 });
  });

  it("queues messages up to handoffQueueDepth, alive messages first, and does not queue pings", async () => {
    const one = cluster();
    const notified: string[] = [];
    const node = await one.start({
      gossipInterval: 0,
      handoffQueueDepth: 3,
      delegate: { notifyMsg: (message) => void notified.push(text(message)) },
      events: { notifyJoin: ({ name }) => void notified.push(`join ${name}`) },
      ping: { ackPayload: () => bytes(`after ${notified.length}`) },
    });
    notified.length = 0;
    const peer = new RawPeer(one);
    for (let i = 0; i < 5; i++) peer.send(encodeUser(bytes(`user ${i}`)), node);
    for (let i = 0; i < 5; i++) peer.send(aliveMessage(`n${i}`, "10.9.9.9"), node);
    peer.send(encodePing({ seqNo: 1, node: "", sourceAddr: "", sourcePort: 0, sourceNode: "" }), node);
    await one.advance(10);
    const joins = ["join n0", "join n1", "join n2"];
    const sent = Array.from({ length: 5 }, (_, i) => `user ${i}`);
    // A thread queues user messages for the application instead, unless an alive message waits before them.
    expect(notified).toEqual(inThread ? [...sent, ...joins] : [...joins, ...sent.slice(0, 3)]);
    const dropped = inThread ? 2 : 4;
    expect(node.members.counters()).toEqual({ "dropped.handoff_full": dropped });
    expect(codes(node).filter((code) => code === "handoff_full")).toHaveLength(dropped);
    const [ack] = peer.messages();
    expect(text(decodeAckResp((ack as Uint8Array).subarray(1)).payload)).toBe("after 0");
  });
});

describe("probing over the network", () => {
  it("measures the round trip from send to receipt, and probes each member in turn", async () => {
    const one = cluster(1, { latency: 25 });
    const rtts: [string, number][] = [];
    await one.joined(4, (i) => ({
      gossipInterval: 0,
      ping: { notifyPingComplete: (other, rtt) => void (i === 0 && rtts.push([other.name, rtt])) },
    }));
    rtts.length = 0;
    await one.advance(9_100);
    expect(rtts).toHaveLength(9);
    expect(new Set(rtts.map(([, rtt]) => rtt))).toEqual(new Set([50]));
    const perNode = ["node-1", "node-2", "node-3"].map((name) => rtts.filter(([who]) => who === name).length);
    expect(Math.min(...perNode)).toBeGreaterThanOrEqual(2);
  });

  it("uses indirect probes if the direct path is blocked, and suspects no member", async () => {
    const one = cluster();
    const [a, b, c] = (await one.joined(3, { disableTcpPings: true })) as [TestNode, TestNode, TestNode];
    one.network.block(a.transport, b.transport);
    one.network.block(b.transport, a.transport);
    await one.advance(30_000);
    for (const node of [a, b, c]) expect(node.members.numMembers()).toBe(3);
    expect(codes(a)).toContain("ping_timeout");
    expect(codes(c)).not.toContain("ping_timeout");
  });
});

import { describe, expect, it } from "vitest";
import { makeCompound } from "../../src/wire/compound.ts";
import { EngineHarness, stranger, type HarnessOptions } from "./engine-harness.ts";
import { ack, alive, encodeMessage, indirectPing, ping } from "./messages.ts";
import { VirtualCluster } from "./virtual-cluster.ts";

const asker = { sourceAddr: "127.0.0.9", sourcePort: 4000, sourceNode: "test" };
const askerAddress = { host: "127.0.0.9", port: 4000, name: "test" };

function started(options: HarnessOptions = {}): EngineHarness {
  const node = new EngineHarness(options).start();
  node.takeBroadcasts();
  return node;
}

describe("a ping", () => {
  it("gets an ack at its source address [HandlePing]", () => {
    const node = started();
    node.deliver(ping({ ...asker, node: "n1" }));
    expect(node.sent).toMatchObject([{ to: askerAddress, messages: [{ kind: "ack", seqNo: 42 }], crc: false }]);
  });

  it("gets an ack even if it names no node [HandlePing]", () => {
    const node = started();
    node.deliver(ping(asker));
    expect(node.sentOf("ack")).toEqual([ack(42)]);
  });

  it("gets its ack at the sender if its source address is missing or incomplete", () => {
    const node = started();
    for (const source of [{}, { sourceAddr: "127.0.0.9" }, { sourcePort: 4000 }]) node.deliver(ping(source), stranger);
    for (const { to } of node.sent) expect(to).toEqual({ ...stranger, name: "" });
    expect(node.sent).toHaveLength(3);
  });

  it("counts as dropped, and appears in the log, if it is for another node [HandlePing_WrongNode]", () => {
    const node = started();
    node.deliver(ping({ ...asker, node: "n1-bad" }));
    expect(node.sent).toEqual([]);
    expect(node.count("dropped.ping_for_other_node")).toBe(1);
    expect(node.logged("ping_for_other_node")).toMatchObject([{ level: "warn" }]);
  });

  it("gets one ack for each part of a compound [HandleCompoundPing]", () => {
    const node = started();
    const message = encodeMessage(ping(asker));
    node.deliver(makeCompound([message, message, message]));
    expect(node.sent).toHaveLength(3);
    for (const { messages, to } of node.sent) {
      expect(messages).toEqual([ack(42)]);
      expect(to).toEqual(askerAddress);
    }
  });

  it("gets the ping delegate's payload", () => {
    const node = started({ delegates: { ackPayload: () => Uint8Array.of(1, 2) } });
    node.deliver(ping(asker));
    expect(node.sentOf("ack")).toEqual([ack(42, Uint8Array.of(1, 2))]);
  });

  it("gets an ack in a packet that also carries broadcasts [SendMsg_Piggyback]", () => {
    const node = started();
    const rand = alive("rand", { incarnation: 10, addr: "127.0.0.255", vsn: [1, 5, 1, 1, 1, 1] });
    node.deliver(rand);
    node.deliver(ping(asker), { host: asker.sourceAddr, port: 4001, name: "" });
    expect(node.sent).toHaveLength(1);
    expect(node.sent[0]?.messages).toEqual([ack(42), rand]);
  });

  it("gets no broadcasts at a stranger's source address, and gets them at a member's", () => {
    const node = started();
    const member = alive("n2");
    node.deliver(member);
    node.deliver(ping(asker));
    node.deliver(ping({ ...asker, sourceNode: "n2" }));
    expect(node.sent.map(({ messages }) => messages)).toEqual([[ack(42)], [ack(42)]]);
    node.deliver(ping({ sourceAddr: member.addr, sourcePort: 4000, sourceNode: "n2" }));
    expect(node.sent[2]?.messages).toEqual([ack(42), member]);
  });

  it("gets a checksum if the asker is known to understand it", () => {
    const node = started();
    node.deliverAll(alive("n2"), alive("n3", { vsn: [1, 4, 2, 0, 0, 0] }));
    for (const sourceNode of ["n2", "n3", "n4", ""]) node.deliver(ping({ ...asker, sourceNode }));
    expect(node.sent.map(({ crc }) => crc)).toEqual([true, false, false, false]);
  });
});

describe("an indirect ping", () => {
  it("sends a named address no more bytes than it has itself, unless the address is a member's", () => {
    const node = started();
    node.deliver(alive("n2"));
    const victim = indirectPing({ ...asker, target: "127.0.0.77", node: "n2", nack: true });
    node.deliver(victim);
    node.advance(node.config.probeTimeout);
    expect(node.sent.map(({ messages }) => messages.map(({ kind }) => kind))).toEqual([["ping"], ["nack"]]);
    node.deliver(indirectPing({ ...asker, target: "127.0.0.2", node: "n2" }));
    expect(node.sent[2]?.messages.map(({ kind }) => kind)).toEqual(["ping", "alive"]);
  });

  it("goes on in this node's name, and its ack returns under the asker's sequence number [HandleIndirectPing]", () => {
    const members = new VirtualCluster();
    const helper = members.add("n1", { config: { probeInterval: 0 } });
    members.add("n2", { config: { probeInterval: 0 } });
    helper.takeBroadcasts();
    members.node("n2").takeBroadcasts();
    helper.deliver(indirectPing({ ...asker, seqNo: 100, nack: true }));
    members.advance(1000);
    expect(helper.sent).toMatchObject([
      { to: { host: "127.0.0.2", port: 7946, name: "n2" }, messages: [{ kind: "ping", seqNo: 1, node: "n2", sourceNode: "n1" }] },
      { to: askerAddress, messages: [{ kind: "ack", seqNo: 100, payload: new Uint8Array(0) }] },
    ]);
  });

  it("works like any other if its target is this node [HandleIndirectPing]", () => {
    const members = new VirtualCluster();
    const node = members.add("n1", { config: { probeInterval: 0 } });
    node.takeBroadcasts();
    node.deliver(indirectPing({ ...asker, node: "n1", target: "127.0.0.1" }));
    members.advance(100);
    expect(node.sent.filter(({ to }) => to.name === "test")).toMatchObject([
      { to: askerAddress, messages: [{ kind: "ack", seqNo: 100 }] },
    ]);
  });

  it("gets one nack without an ack within probeTimeout, if the asker wants nacks", () => {
    const node = started({ config: { probeInterval: 0, probeTimeout: 300 } });
    node.deliver(indirectPing({ ...asker, nack: true }));
    node.deliver(indirectPing({ ...asker, seqNo: 101, nack: false }));
    node.takeSent();
    node.advance(299);
    expect(node.sent).toEqual([]);
    node.advance(1);
    expect(node.sent).toMatchObject([{ to: askerAddress, messages: [{ kind: "nack", seqNo: 100 }] }]);
    node.advance(1000);
    expect(node.sent).toHaveLength(1);
  });

  it("gets no late ack", () => {
    const node = started({ config: { probeInterval: 0, probeTimeout: 300 } });
    node.deliver(indirectPing({ ...asker, nack: false }));
    node.advance(300);
    node.takeSent();
    node.deliver(ack(1));
    expect(node.sent).toEqual([]);
  });

  it("gets its answer at the sender and goes to bindPort if it has no ports", () => {
    const node = started({ config: { probeInterval: 0, bindPort: 7001 } });
    node.deliver(indirectPing({ port: 0 }), stranger);
    expect(node.sent[0]?.to).toEqual({ host: "127.0.0.2", port: 7001, name: "n2" });
    node.deliver(ack(1));
    expect(node.sent[1]).toMatchObject({ to: { ...stranger, name: "" }, messages: [ack(100)] });
  });

  it("keeps two askers with the same sequence number apart", () => {
    const node = started({ config: { probeInterval: 0 } });
    node.deliver(indirectPing({ ...asker, seqNo: 7 }));
    node.deliver(indirectPing({ sourceAddr: "127.0.0.8", sourcePort: 8, seqNo: 7 }));
    node.takeSent();
    node.deliver(ack(2));
    expect(node.sent).toMatchObject([{ to: { host: "127.0.0.8", port: 8 }, messages: [ack(7)] }]);
  });
});

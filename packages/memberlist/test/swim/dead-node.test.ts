import { describe, expect, it } from "vitest";
import { EngineHarness, mergeAll, type SentPacket } from "./engine-harness.ts";
import { alive, dead, ping, suspect } from "./messages.ts";

const foo: Uint8Array = Uint8Array.from([102, 111, 111]);

function started(): EngineHarness {
  const node = new EngineHarness().start();
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

/** Makes a node leave, and returns what it sends once the gossip about that is out. */
function directLeaves(node: EngineHarness): SentPacket[] {
  const outs: number[] = [];
  node.run(() => node.engine.leave(() => outs.push(node.now)));
  for (let i = 0; i < 100 && outs.length === 0; i++) {
    node.takeSent();
    node.deliver(ping({ seqNo: 0 }));
  }
  expect(outs).toHaveLength(1);
  return node.takeSent().filter(({ messages }) => messages[0]?.kind === "dead");
}

describe("a dead message", () => {
  it("does not add an unknown node [DeadNode_NoNode]", () => {
    const node = started();
    node.deliver(dead("n2"));
    expect(node.known().map(({ name }) => name)).toEqual(["n1"]);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
  });

  it("means a leave if it is from the node itself, whose name another address may then take [DeadNodeLeft]", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.deliver(dead("n2", 1, "n2"));
    expect(node.state("n2")).toBe("left");
    expect(node.takeEvents()).toMatchObject([{ type: "join" }, { type: "leave", node: { name: "n2", state: "left" } }]);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toEqual([dead("n2", 1, "n2")]);
    node.deliver(alive("n2", { addr: "127.0.0.22", port: 9000, meta: foo, incarnation: 3 }));
    expect(node.node("n2")).toMatchObject({ state: "alive", addr: "127.0.0.22", port: 9000, meta: foo });
    expect(node.eventTypes()).toEqual(["join n2"]);
  });

  it("makes the node dead if it is from another node, and is gossiped [DeadNode]", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.takeEvents();
    node.deliver(dead("n2"));
    expect(node.state("n2")).toBe("dead");
    expect(node.takeEvents()).toMatchObject([{ type: "leave", node: { name: "n2", state: "dead" } }]);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toEqual([dead("n2")]);
    expect(node.engine.numMembers).toBe(1);
  });

  it("changes nothing if the node is already dead, at any incarnation [DeadNode_Double]", () => {
    const node = started();
    node.deliverAll(alive("n2"), dead("n2"));
    node.takeBroadcasts();
    node.takeEvents();
    node.deliverAll(dead("n2", 2), dead("n2", 3, "n2"));
    expect(node.takeEvents()).toEqual([]);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    expect(node.node("n2")).toMatchObject({ state: "dead", incarnation: 1 });
  });

  it("changes nothing at an old incarnation [DeadNode_OldDead]", () => {
    const node = started();
    node.deliver(alive("n2", { incarnation: 10 }));
    node.deliver(dead("n2", 1));
    expect(node.state("n2")).toBe("alive");
  });

  it("stays in force after a replay of the older alive message [DeadNode_AliveReplay]", () => {
    const node = started();
    const life = alive("n2", { incarnation: 10 });
    node.deliverAll(life, dead("n2", 10), life);
    expect(node.state("n2")).toBe("dead");
  });

  it("causes a refutation if it is about this node, and worsens the health score [DeadNode_Refute]", () => {
    const node = started();
    node.deliver(dead("n1", 1, "n2"));
    expect(node.engine.localNode).toMatchObject({ state: "alive", incarnation: 2 });
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toMatchObject([{ kind: "alive", node: "n1", incarnation: 2 }]);
    expect(node.engine.healthScore).toBe(1);
  });

  it("ends a suspicion: the node leaves once, not twice", () => {
    const node = started();
    node.deliverAll(alive("n2"), alive("n3"), suspect("n2"), dead("n2"));
    node.takeEvents();
    node.advance(3_000);
    expect(node.eventTypes().filter((event) => event.endsWith("n2"))).toEqual([]);
  });
});

describe("refuting", () => {
  it("answers an alive message about this node with other fields [AliveNode_Refute]", () => {
    const node = started();
    node.deliver(alive("n1", { incarnation: 2, meta: foo }));
    expect(node.engine.localNode).toMatchObject({ state: "alive", incarnation: 3 });
    expect(node.engine.localNode.meta).toHaveLength(0);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toMatchObject([{ kind: "alive", node: "n1", incarnation: 3, meta: new Uint8Array(0) }]);
  });

  it("ignores this node's own message, but answers other metadata or versions at the same incarnation", () => {
    const own = { incarnation: 1, vsn: [1, 5, 2, 0, 0, 0] };
    const node = started();
    node.deliver(alive("n1", own));
    expect(node.takeEvents()).toEqual([]);
    node.deliver(alive("n1", { ...own, vsn: [1, 4, 2, 0, 0, 0] }));
    expect(node.engine.localNode).toMatchObject({ incarnation: 2, pMax: 5 });
    node.deliver(alive("n1", { ...own, incarnation: 2, vsn: [] }));
    expect(node.engine.localNode.incarnation).toBe(3);
    node.deliver(alive("n1", { ...own, incarnation: 3, meta: foo }));
    expect(node.engine.localNode.incarnation).toBe(4);
    expect(node.eventTypes()).toEqual(["refute n1", "refute n1", "refute n1"]);
  });

  it("exceeds any accusation's incarnation, so that others accept it", () => {
    for (const incarnation of [1, 2, 77, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe]) {
      const node = started();
      node.deliver(suspect("n1", incarnation));
      expect(node.engine.localNode.incarnation).toBe(incarnation + 1);
      node.deliver(dead("n1", incarnation));
      expect(node.engine.localNode.incarnation).toBe(incarnation + 1);
    }
  });

  it("stays within u32 for an accusation at its maximum, and does not repeat for ever", () => {
    const node = started();
    node.deliver(suspect("n1", 0xffff_ffff));
    const [refutation] = node.takeBroadcasts();
    expect(refutation).toMatchObject({ kind: "alive", incarnation: 0xffff_ffff });
    expect(node.engine.localNode.state).toBe("alive");
    node.takeEvents();
    // Gossip returns our own message to us.
    if (refutation !== undefined) node.deliver(refutation);
    expect(node.takeEvents()).toEqual([]);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
  });

  it("keeps the last published metadata", () => {
    const node = started();
    node.run(() => node.engine.update(foo, () => undefined));
    node.deliver(suspect("n1", 2));
    expect(node.takeBroadcasts()).toMatchObject([{ kind: "alive", incarnation: 3, meta: foo }]);
  });
});

describe("leaving", () => {
  it("broadcasts a dead message from this node, and reports when it is sent", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.takeBroadcasts();
    node.takeEvents();
    let finished = 0;
    node.run(() => node.engine.leave(() => finished++));
    expect(node.engine.hasLeft).toBe(true);
    expect(node.engine.localNode.state).toBe("left");
    expect(node.engine.hasLivePeer).toBe(true);
    expect(node.eventTypes()).toEqual(["leave n1"]);
    expect(finished).toBe(0);
    expect(node.takeBroadcasts()).toEqual([dead("n1", 1, "n1")]);
    expect(finished).toBe(1);
  });

  it("goes to each live member directly once it is gossiped, since gossip alone misses some in a small cluster", () => {
    const node = started();
    node.deliverAll(alive("n2"), alive("n3"), alive("n4"), alive("n5"), suspect("n3"), dead("n4"), dead("n5", 1, "n5"));
    const direct = directLeaves(node);
    expect(direct.map(({ to }) => to.name).toSorted()).toEqual(["n2", "n3"]);
    expect(direct.map(({ messages }) => messages)).toEqual([[dead("n1", 1, "n1")], [dead("n1", 1, "n1")]]);
  });

  it("leaves it to gossip where more than 20 others are alive", () => {
    for (const [others, count] of [
      [20, 20],
      [21, 0],
    ] as const) {
      const node = started();
      node.deliverAll(...Array.from({ length: others }, (_, i) => alive(`n${i + 2}`)));
      expect(directLeaves(node)).toHaveLength(count);
    }
  });

  it("goes to no member directly when a rejoin has ended its gossip", () => {
    const node = started();
    node.deliver(alive("n2"));
    let finished = 0;
    node.run(() => node.engine.leave(() => finished++));
    node.takeSent();
    node.run(() => node.engine.rejoin(foo));
    expect(finished).toBe(1);
    expect(node.takeSent()).toEqual([]);
  });

  it("ends refutations, and no message makes this node alive again", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.run(() => node.engine.leave(() => undefined));
    node.takeBroadcasts();
    node.takeEvents();
    node.deliverAll(suspect("n1", 1), dead("n1", 1), suspect("n1", 9), dead("n1", 9), alive("n1", { incarnation: 9 }));
    node.run(() => mergeAll(node.engine, new EngineHarness().start().engine.pushPull.localState(), false));
    expect(node.takeEvents()).toEqual([]);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    expect(node.engine.healthScore).toBe(0);
    expect(node.engine.localNode).toMatchObject({ state: "left", incarnation: 1 });
    expect(node.engine.members().map(({ name }) => name)).toEqual(["n2"]);
  });

  it("keeps answering pings", () => {
    const node = started();
    node.run(() => node.engine.leave(() => undefined));
    node.deliver({ kind: "ping", seqNo: 5, node: "n1", sourceAddr: "", sourcePort: 0, sourceNode: "" });
    expect(node.sentOf("ack")).toMatchObject([{ seqNo: 5 }]);
  });
});

describe("new metadata", () => {
  it("goes out with a higher incarnation, and reports when it is sent", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.takeBroadcasts();
    node.takeEvents();
    let finished = 0;
    node.run(() => node.engine.update(foo, () => finished++));
    expect(node.eventTypes()).toEqual(["update n1"]);
    expect(node.engine.localNode).toMatchObject({ incarnation: 2, meta: foo, state: "alive" });
    expect(node.takeBroadcasts()).toMatchObject([{ kind: "alive", node: "n1", incarnation: 2, meta: foo }]);
    expect(finished).toBe(1);
  });

  it("goes out even if it equals the old, without an update event", () => {
    const node = started();
    node.run(() => node.engine.update(new Uint8Array(0), () => undefined));
    expect(node.takeEvents()).toEqual([]);
    expect(node.takeBroadcasts()).toMatchObject([{ kind: "alive", incarnation: 2 }]);
  });

  it("counts as sent if newer metadata replaces it", () => {
    const node = started();
    let finished = 0;
    node.run(() => node.engine.update(foo, () => finished++));
    node.run(() => node.engine.update(new Uint8Array(0), () => undefined));
    expect(finished).toBe(1);
  });
});

import { describe, expect, it } from "vitest";
import type { Node } from "../../src/api/node.ts";
import { EngineHarness, mergeAll, stranger } from "./engine-harness.ts";
import { alive, dead, goodVersions, suspect } from "./messages.ts";

const foo: Uint8Array = Uint8Array.from([102, 111, 111]);

function started(config: ConstructorParameters<typeof EngineHarness>[0] = {}): EngineHarness {
  const node = new EngineHarness(config).start();
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

describe("an alive message about another node", () => {
  it("adds a new node as alive, and gossips it [AliveNode_NewNode]", () => {
    const node = started();
    node.deliver(alive("n2"));
    expect(node.known()).toHaveLength(2);
    expect(node.node("n2")).toMatchObject({ state: "alive", incarnation: 1, addr: "127.0.0.2", port: 7946 });
    expect(node.eventTypes()).toEqual(["join n2"]);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toEqual([alive("n2")]);
  });

  it("revives a suspect only at a higher incarnation, without a join event [AliveNode_SuspectNode]", () => {
    const node = started();
    node.deliverAll(alive("n2"), suspect("n2"));
    node.takeEvents();
    node.deliver(alive("n2"));
    expect(node.state("n2")).toBe("suspect");
    node.deliver(alive("n2", { incarnation: 2 }));
    expect(node.state("n2")).toBe("alive");
    expect(node.eventTypes()).toEqual(["alive n2"]);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
  });

  it("reports metadata that changed during a suspicion as an update, after the alive event", () => {
    const node = started();
    node.deliverAll(alive("n2"), suspect("n2"));
    node.takeEvents();
    node.deliver(alive("n2", { incarnation: 2, meta: foo }));
    const events = node.takeEvents();
    expect(events.map(({ type }) => type)).toEqual(["alive", "update"]);
    expect(events[1]).toMatchObject({ node: { name: "n2", state: "alive", incarnation: 2, meta: foo } });
  });

  it("ends the suspicion: its timer does not kill the node later", () => {
    const node = started({ config: { probeInterval: 0 } });
    node.deliverAll(alive("n2"), alive("n3"), suspect("n2"));
    node.deliver(alive("n2", { incarnation: 2 }));
    node.advance(600_000);
    expect(node.state("n2")).toBe("alive");
  });

  it("raises only the incarnation of a live node [AliveNode_Idempotent]", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.takeEvents();
    node.deliver(alive("n2", { incarnation: 2 }));
    expect(node.node("n2")).toMatchObject({ state: "alive", incarnation: 2 });
    expect(node.takeEvents()).toEqual([]);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toEqual([alive("n2", { incarnation: 2 })]);
  });

  it("reports new metadata as an update [AliveNode_ChangeMeta]", () => {
    const node = started();
    node.deliver(alive("n2", { meta: Uint8Array.of(1) }));
    node.takeEvents();
    node.deliver(alive("n2", { meta: foo, incarnation: 2 }));
    expect(node.node("n2")?.meta).toEqual(foo);
    const [event, ...more] = node.takeEvents();
    expect(more).toEqual([]);
    expect(event).toMatchObject({ type: "update", node: { name: "n2", incarnation: 2, meta: foo } });
  });

  it("reports a rejoin with new metadata as one join", () => {
    const node = started();
    node.deliverAll(alive("n2"), dead("n2"));
    node.takeEvents();
    node.deliver(alive("n2", { incarnation: 2, meta: foo }));
    expect(node.eventTypes()).toEqual(["join n2"]);
  });

  it("does not share metadata memory with its packet", () => {
    const node = started();
    const packet = foo.slice();
    node.deliver(alive("n2", { meta: packet }));
    packet.fill(0);
    expect(node.node("n2")?.meta).toEqual(foo);
  });

  it("changes nothing if its protocol versions are wrong [ProbeNode_Wrong_VSN]", () => {
    const node = started();
    for (const vsn of [
      [0, 0, 0, 0, 0, 0],
      [0, 5, 2, 0, 0, 0],
      [1, 0, 1, 0, 0, 0],
      [3, 2, 2, 0, 0, 0],
      [2, 1, 1],
    ]) {
      node.deliver(alive("n2", { vsn }));
    }
    expect(node.node("n2")).toBeUndefined();
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    expect(node.count("dropped.bad_versions")).toBe(5);
    expect(node.logged("versions_rejected").every(({ level }) => level === "warn")).toBe(true);
  });

  it("keeps at most six of a peer's versions, in the table, the log and the gossip", () => {
    const node = started();
    const tail = Array.from({ length: 60_000 }, () => 9);
    node.deliver(alive("n2", { vsn: [...goodVersions, ...tail] }));
    expect(node.node("n2")?.vsn).toEqual(goodVersions);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    node.deliver(alive("n3", { vsn: [0, 5, 2, 0, 0, 0, ...tail] }));
    expect(node.logged("versions_rejected").map(({ fields }) => fields["versions"])).toEqual([[0, 5, 2, 0, 0, 0]]);
  });

  it("works without versions, and then removes none", () => {
    const node = started();
    node.deliver(alive("n2", { vsn: [] }));
    expect(node.node("n2")?.vsn).toEqual([0, 0, 0, 0, 0, 0]);
    node.deliver(alive("n2", { incarnation: 2 }));
    node.deliver(alive("n2", { incarnation: 3, vsn: [1, 4] }));
    expect(node.node("n2")).toMatchObject({ incarnation: 3, vsn: goodVersions });
  });

  it("adds no node at incarnation 0", () => {
    const node = started();
    node.deliver(alive("n2", { incarnation: 0 }));
    expect(node.node("n2")).toBeUndefined();
    expect(node.takeEvents()).toEqual([]);
  });

  it("gets bindPort if it has no port", () => {
    const node = started({ config: { bindPort: 7000 } });
    node.deliver(alive("n2", { port: 0 }));
    expect(node.node("n2")?.port).toBe(7000);
    const old = started({ config: { bindPort: 7000, protocolVersion: 1 } });
    old.deliver(alive("n2", { port: 4000 }));
    expect(old.node("n2")?.port).toBe(7000);
  });
});

describe("the alive delegate", () => {
  it("sees whole nodes, and can refuse one", () => {
    const seen: Node[] = [];
    const delegates = {
      hasAliveDelegate: true,
      refusesAlive: (peer: Node): string | undefined => {
        seen.push(peer);
        return peer.name === "n3" ? "no n3 here" : undefined;
      },
    };
    const node = started({ delegates });
    node.deliverAll(alive("n2", { meta: foo }), alive("n3"));
    expect(seen.slice(-2)).toMatchObject([{ name: "n2", meta: foo, pMax: 5 }, { name: "n3" }]);
    expect(
      node
        .known()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["n1", "n2"]);
    expect(node.logged("alive_refused")[0]?.message).toContain("no n3 here");
    expect(node.count("dropped.alive_refused")).toBe(1);
  });

  it("needs all six versions", () => {
    const node = started({ delegates: { hasAliveDelegate: true } });
    node.deliver(alive("n2", { vsn: [1, 5, 2] }));
    expect(node.node("n2")).toBeUndefined();
    expect(node.count("dropped.alive_refused")).toBe(1);
  });
});

describe("cidrsAllowed", () => {
  const from = { ...stranger, host: "127.0.0.50" };

  it("rejects alive messages from, and nodes at, addresses outside it", () => {
    const node = started({ config: { cidrsAllowed: ["127.0.0.0/16"] } });
    node.deliver(alive("n2"), stranger);
    node.deliver(alive("n3", { addr: "10.0.0.3" }), from);
    node.deliver(alive("n4"), from);
    expect(
      node
        .known()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(["n1", "n4"]);
    expect(node.count("dropped.address_not_allowed")).toBe(2);
  });

  it("rejects nodes from a push/pull, and a known node that moves outside", () => {
    const node = started({ config: { cidrsAllowed: ["127.0.0.0/16"] } });
    const state = { meta: new Uint8Array(0), state: 0, vsn: goodVersions, port: 7946 };
    const merge = (addr: string, incarnation: number): void =>
      node.run(() => mergeAll(node.engine, [{ ...state, name: "n2", addr, incarnation }], false));
    merge("10.0.0.2", 1);
    expect(node.node("n2")).toBeUndefined();
    merge("127.0.0.2", 1);
    node.deliver(dead("n2", 1, "n2"));
    merge("10.0.0.2", 2);
    expect(node.node("n2")).toMatchObject({ state: "left", addr: "127.0.0.2" });
    expect(node.eventTypes()).not.toContain("conflict n2");
  });
});

describe("an alive message with another address", () => {
  const moved = { addr: "127.0.0.22", port: 9000, meta: foo };

  it("causes a conflict, until the node has been dead for deadNodeReclaimTime [AliveNode_Conflict]", () => {
    const node = started({ config: { deadNodeReclaimTime: 10 } });
    node.deliver(alive("n2"));
    node.takeBroadcasts();
    node.takeEvents();
    node.deliver(alive("n2", { ...moved, incarnation: 2 }));
    expect(node.node("n2")).toMatchObject({ state: "alive", addr: "127.0.0.2", port: 7946, incarnation: 1 });
    expect(node.node("n2")?.meta).toHaveLength(0);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    expect(node.takeEvents()).toMatchObject([
      { type: "conflict", node: { name: "n2", addr: "127.0.0.2" }, other: { name: "n2", addr: "127.0.0.22", port: 9000 } },
    ]);

    node.deliver(dead("n2", 2));
    node.jump(10);
    node.deliver(alive("n2", { ...moved, incarnation: 3 }));
    expect(node.node("n2")).toMatchObject({ state: "dead", addr: "127.0.0.2" });
    node.jump(1);
    node.deliver(alive("n2", { ...moved, incarnation: 3 }));
    expect(node.node("n2")).toMatchObject({ state: "alive", addr: "127.0.0.22", port: 9000, meta: foo, incarnation: 3 });
    expect(node.logged("address_taken_over")).toHaveLength(1);
  });

  it("causes a conflict at any time if deadNodeReclaimTime is 0", () => {
    const node = started();
    node.deliverAll(alive("n2"), dead("n2"));
    node.jump(100_000_000);
    node.deliver(alive("n2", { ...moved, incarnation: 9 }));
    expect(node.state("n2")).toBe("dead");
    expect(node.count("dropped.name_conflict")).toBe(1);
  });

  it("does not replace a suspect", () => {
    const node = started({ config: { deadNodeReclaimTime: 10 } });
    node.deliverAll(alive("n2"), alive("n3"), suspect("n2"));
    node.jump(100);
    node.deliver(alive("n2", { ...moved, incarnation: 9 }));
    expect(node.node("n2")).toMatchObject({ state: "suspect", addr: "127.0.0.2" });
  });

  it("replaces at once a node that left, even at a lower incarnation", () => {
    const node = started();
    node.deliverAll(alive("n2", { incarnation: 7 }), dead("n2", 7, "n2"));
    node.takeEvents();
    node.deliver(alive("n2", { ...moved, incarnation: 1 }));
    expect(node.node("n2")).toMatchObject({ state: "alive", addr: "127.0.0.22", incarnation: 1 });
    expect(node.eventTypes()).toEqual(["join n2"]);
  });

  it("causes a conflict without a refutation if it has this node's name", () => {
    const node = started();
    node.deliver(alive("n1", { addr: "127.0.0.77", incarnation: 50 }));
    expect(node.eventTypes()).toEqual(["conflict n1"]);
    expect(node.engine.localNode).toMatchObject({ addr: "127.0.0.1", incarnation: 1 });
    expect(node.engine.numQueuedBroadcasts).toBe(0);
  });

  it("causes ten reports at once and then one a second, separately for this node's name and for others", () => {
    const node = started();
    node.deliver(alive("n2"));
    node.takeEvents();
    for (let i = 0; i < 30; i++) node.deliver(alive("n2", { ...moved, port: 1 + i }));
    const reported = node.takeEvents();
    expect(reported).toHaveLength(10);
    for (let i = 0; i < 30; i++) node.deliver(alive("n1", { ...moved, port: 1 + i }));
    expect(node.eventTypes()).toEqual(Array.from({ length: 10 }, () => "conflict n1"));
    node.jump(1_000);
    node.takeEvents();
    for (let i = 0; i < 5; i++) node.deliver(alive("n2", moved));
    expect(node.takeEvents()).toMatchObject([{ type: "conflict", suppressed: 20 }]);
    expect(node.count("dropped.name_conflict")).toBe(65);
  });
});

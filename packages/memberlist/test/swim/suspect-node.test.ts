import { describe, expect, it } from "vitest";
import { EngineHarness } from "./engine-harness.ts";
import { alive, dead, suspect } from "./messages.ts";

/** Never started: it does not probe, and its only timers are those of suspicions. */
function knowing(names: readonly string[], config: ConstructorParameters<typeof EngineHarness>[0] = {}): EngineHarness {
  const node = new EngineHarness(config);
  for (const name of names) node.deliver(alive(name));
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

describe("a suspect message", () => {
  it("does not add an unknown node [SuspectNode_NoNode]", () => {
    const node = knowing([]);
    node.deliver(suspect("n2"));
    expect(node.known()).toEqual([]);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    expect(node.engine.nextTimerAt()).toBeUndefined();
  });

  it("makes a node suspect, and dead once the timeout is over [SuspectNode]", () => {
    const node = knowing(["n2"], { config: { probeInterval: 2, probeTimeout: 1, suspicionMult: 1 } });
    node.deliver(suspect("n2", 1, "n3"));
    expect(node.state("n2")).toBe("suspect");
    expect(node.takeEvents()).toMatchObject([{ type: "suspect", from: "n3", node: { name: "n2", state: "suspect" } }]);
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toEqual([suspect("n2", 1, "n3")]);
    node.advance(1);
    expect(node.state("n2")).toBe("suspect");
    node.advance(1);
    expect(node.state("n2")).toBe("dead");
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toEqual([dead("n2", 1, "n1")]);
    expect(node.eventTypes()).toEqual(["leave n2"]);
  });

  it("replaces the queued message about the node", () => {
    const node = knowing(["n2"]);
    node.deliver(alive("n2", { incarnation: 2 }));
    node.deliver(suspect("n2", 2));
    node.deliver(dead("n2", 2));
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toEqual([dead("n2", 2)]);
  });

  it("changes nothing and is not gossiped if its accuser is a duplicate [SuspectNode_DoubleSuspect]", () => {
    const node = knowing(["n2", "n3", "n4", "n5"]);
    node.deliver(suspect("n2"));
    node.takeBroadcasts();
    node.takeEvents();
    const endsAt = node.engine.nextTimerAt();
    node.jump(100);
    node.deliver(suspect("n2"));
    expect(node.engine.nextTimerAt()).toBe(endsAt);
    expect(node.engine.numQueuedBroadcasts).toBe(0);
    expect(node.takeEvents()).toEqual([]);
  });

  it("spreads and shortens the timeout if its accuser is new and confirmations are wanted", () => {
    const node = knowing(["n2", "n3", "n4", "n5"]);
    node.deliver(suspect("n2", 1, "a"));
    const times = ["b", "c", "d"].map((from) => {
      node.takeBroadcasts();
      node.deliver(suspect("n2", 1, from));
      return [(node.engine.nextTimerAt() ?? 0) - node.now, node.engine.numQueuedBroadcasts];
    });
    // LAN: 4 to 24 s, and suspicionMult - 2 = 2 confirmations.
    expect(times).toEqual([
      [11_381, 1],
      [4000, 1],
      [4000, 0],
    ]);
  });

  it("changes nothing at an old incarnation [SuspectNode_OldSuspect]", () => {
    const node = knowing([]);
    node.deliver(alive("n2", { incarnation: 10 }));
    node.takeBroadcasts();
    node.deliver(suspect("n2", 9));
    expect(node.state("n2")).toBe("alive");
    expect(node.engine.numQueuedBroadcasts).toBe(0);
  });

  it("causes a refutation if it is about this node, and worsens the health score [SuspectNode_Refute]", () => {
    const node = new EngineHarness().start();
    node.takeBroadcasts();
    node.takeEvents();
    expect(node.engine.healthScore).toBe(0);
    node.deliver(suspect("n1", 1, "n2"));
    expect(node.engine.localNode).toMatchObject({ state: "alive", incarnation: 2 });
    expect(node.engine.numQueuedBroadcasts).toBe(1);
    expect(node.takeBroadcasts()).toMatchObject([{ kind: "alive", node: "n1", incarnation: 2 }]);
    expect(node.engine.healthScore).toBe(1);
    expect(node.metrics.get("memberlist.health.score")).toEqual([0, 1]);
    expect(node.takeEvents()).toMatchObject([{ type: "refute", from: "n2", node: { incarnation: 2 } }]);
    expect(node.logged("refute")).toHaveLength(1);
  });
});

describe("the end of a suspicion", () => {
  it("logs its confirmations, and counts as degraded if they were too few", () => {
    const node = knowing(["n2", "n3", "n4", "n5"]);
    node.deliver(suspect("n2", 1, "a"));
    node.deliver(suspect("n2", 1, "b"));
    node.advance(24_000);
    expect(node.state("n2")).toBe("dead");
    expect(node.metrics.get("memberlist.degraded.timeout")).toEqual([1]);
    expect(node.logged("marked_dead")).toHaveLength(1);
  });

  it("does not count as degraded if all confirmed it, or none could", () => {
    const all = knowing(["n2", "n3", "n4", "n5"]);
    for (const from of ["a", "b", "c"]) all.deliver(suspect("n2", 1, from));
    all.advance(24_000);
    const alone = knowing(["n2", "n3"]);
    alone.deliver(suspect("n2"));
    alone.advance(24_000);
    for (const node of [all, alone]) {
      expect(node.state("n2")).toBe("dead");
      expect(node.metrics.has("memberlist.degraded.timeout")).toBe(false);
    }
  });

  it("does not shorten a second suspicion", () => {
    const node = knowing(["n2", "n3"]);
    node.deliver(suspect("n2"));
    node.advance(3000);
    node.deliver(alive("n2", { incarnation: 2 }));
    node.deliver(suspect("n2", 2));
    node.advance(3999);
    expect(node.state("n2")).toBe("suspect");
    node.advance(1);
    expect(node.state("n2")).toBe("dead");
  });

  it("follows the table of Go's dogpile test: nodes, confirmations, time until dead [ProbeNode_Suspect_Dogpile]", () => {
    const cases: [peers: number, confirmations: number, ms: number][] = [
      [1, 0, 500],
      [2, 0, 500],
      [3, 0, 500],
      [4, 0, 1000],
      [5, 0, 1000],
      [5, 1, 750],
      [5, 2, 603],
      [5, 3, 500],
      [5, 4, 500],
    ];
    const config = { probeInterval: 100, probeTimeout: 50, suspicionMult: 5, suspicionMaxTimeoutMult: 2 };
    for (const [peers, confirmations, ms] of cases) {
      // Ourselves, the peers that are up, and one that is down.
      const node = knowing(
        Array.from({ length: peers + 1 }, (_, i) => `n${i + 2}`),
        { config },
      );
      node.deliver(suspect("n2", 1, "n1"));
      for (let i = 0; i < confirmations; i++) node.deliver(suspect("n2", 1, `peer${i}`));
      node.advance(ms - 1);
      expect(node.state("n2")).toBe("suspect");
      node.advance(1);
      expect(node.state("n2")).toBe("dead");
    }
  });
});

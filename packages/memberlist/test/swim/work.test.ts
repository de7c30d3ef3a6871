import { afterEach, describe, expect, it, vi } from "vitest";
import { NodeRecord } from "../../src/swim/node-record.ts";
import { NodeTable } from "../../src/swim/node-table.ts";
import { EngineHarness } from "./engine-harness.ts";
import { ack, alive, dead, suspect } from "./messages.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

interface Work {
  /** Random numbers drawn and nodes looked at in the busiest tick, and in all. */
  readonly most: number;
  readonly total: number;
}

/** The original getter or method of a prototype, before it is spied upon. */
function original(of: object, name: string): (self: object, ...args: unknown[]) => never {
  const { get, value } = Object.getOwnPropertyDescriptor(of, name) as { get?: () => never; value: () => never };
  return (self, ...args) => Reflect.apply(get ?? value, self, args) as never;
}

/** Counts every look at a node from now on, until mocks are restored. */
function countLooks(): { count: number } {
  const looks = { count: 0 };
  for (const property of ["state", "isDeadOrLeft"] as const) {
    const read = original(NodeRecord.prototype, property);
    vi.spyOn(NodeRecord.prototype, property, "get").mockImplementation(function look(this: NodeRecord) {
      looks.count++;
      return read(this);
    });
  }
  const readOne = original(NodeTable.prototype, "get");
  vi.spyOn(NodeTable.prototype, "get").mockImplementation(function look(this: NodeTable, key: string) {
    looks.count++;
    return readOne(this, key);
  });
  const readAll = original(NodeTable.prototype, "records");
  vi.spyOn(NodeTable.prototype, "records").mockImplementation(function look(this: NodeTable) {
    looks.count += this.size;
    return readAll(this);
  });
  return looks;
}

/** Counts what the engine does in each of 60 ticks of `every` ms, with `n` members that answer every ping. */
function workOfTicks(
  n: number,
  every: number,
  config: { probeInterval: number; gossipInterval: number; pushPullInterval: number },
): Work {
  const node = new EngineHarness({ config: { ...config, probeTimeout: 50 } }).start();
  for (let i = 2; i <= n; i++) node.deliver(alive(`n${i}`));
  node.takeBroadcasts();
  const looks = countLooks();

  let most = 0;
  let total = 0;
  for (let tick = 0; tick < 60; tick++) {
    // Something to gossip about, always.
    node.deliver(suspect("n1", node.engine.localNode.incarnation));
    node.takeSent();
    looks.count = 0;
    node.random.draws = 0;
    node.advance(every);
    for (const { seqNo } of node.sentOf("ping")) node.deliver(ack(seqNo));
    const work = looks.count + node.random.draws;
    most = Math.max(most, work);
    total += work;
  }
  vi.restoreAllMocks();
  expect(total).toBeGreaterThan(60);
  expect(node.engine.numMembers).toBe(n);
  return { most, total };
}

/** How many nodes the busiest of 60 ticks of healing looks at: of `n` members `lost` have died. */
function workOfHealing(n: number, lost: number): number {
  const config = { probeInterval: 0, probeTimeout: 20, disableTcpPings: true, healingInterval: 100, healingTimeout: 0 };
  const node = new EngineHarness({ config }).start();
  for (let i = 2; i <= n; i++) node.deliver(alive(`n${i}`));
  for (let i = 2; i <= lost + 1; i++) node.deliver(dead(`n${i}`, 1, "n1"));
  node.takeBroadcasts();
  const looks = countLooks();
  let most = 0;
  for (let tick = 0; tick < 60; tick++) {
    looks.count = 0;
    node.advance(100);
    most = Math.max(most, looks.count);
  }
  vi.restoreAllMocks();
  expect(node.sentOf("ping").length).toBeGreaterThan(1);
  return most;
}

describe("the work of a tick", () => {
  const off = { probeInterval: 0, gossipInterval: 0, pushPullInterval: 0 };

  for (const [what, config] of [
    ["probing", { ...off, probeInterval: 100 }],
    ["gossip", { ...off, gossipInterval: 100 }],
    // Stretched for larger clusters, so these ticks are more often idle.
    ["push/pull", { ...off, pushPullInterval: 10 }],
  ] as const) {
    it(`does not grow with the cluster for ${what}`, () => {
      const small = workOfTicks(100, 100, config);
      const large = workOfTicks(1000, 100, config);
      expect(large.most).toBeLessThanOrEqual(small.most + 10);
      expect(large.total).toBeLessThanOrEqual(small.total * 1.25);
      expect(large.most).toBeLessThan(100);
    });
  }

  it("does not grow with the number of lost members for healing", () => {
    const small = workOfHealing(100, 20);
    expect(workOfHealing(1_000, 200)).toBeLessThanOrEqual(small + 10);
    expect(workOfHealing(1_000, 800)).toBeLessThanOrEqual(small + 10);
  });

  it("does not grow at the end of a round: the next order is made while it is walked", () => {
    const node = new EngineHarness({ config: { probeInterval: 100, probeTimeout: 50 } }).start();
    for (let i = 2; i <= 50; i++) node.deliver(alive(`n${i}`));
    node.takeBroadcasts();
    const draws: number[] = [];
    for (let tick = 0; tick < 147; tick++) {
      node.takeSent();
      node.random.draws = 0;
      node.advance(100);
      for (const { seqNo } of node.sentOf("ping")) node.deliver(ack(seqNo));
      draws.push(node.random.draws);
    }
    // One for the next of the order, and one more where we are the next.
    expect(draws.every((count) => count === 1 || count === 2)).toBe(true);
  });

  it.each([
    ["gossip", { ...off, gossipInterval: 100 }],
    ["probing", { ...off, probeInterval: 100 }],
    ["push/pull", { ...off, pushPullInterval: 100 }],
  ] as const)(
    "does not grow for %s with thousands that have left or died, and reaches the few that are alive",
    (what, config) => {
      const node = new EngineHarness({
        config: { ...config, probeTimeout: 50, gossipToTheDeadTime: 1_000_000, retransmitMult: 1_000 },
      });
      node.start();
      for (let i = 2; i <= 10_000; i++) node.deliver(alive(`n${i}`));
      for (let i = 5; i <= 10_000; i++) node.deliver(dead(`n${i}`, 1, i % 2 === 0 ? `n${i}` : "n1"));
      // Dead for too long to hear of it, and not forgotten yet.
      if (what === "gossip") node.jump(1_000_001);
      const targets = new Set<string>();
      let most = 0;
      const looks = countLooks();
      for (let tick = 0; tick < 200; tick++) {
        node.deliver(suspect("n1", node.engine.localNode.incarnation));
        node.takeSent();
        looks.count = 0;
        node.random.draws = 0;
        node.advance(100);
        most = Math.max(most, looks.count + node.random.draws);
        for (const { to } of node.takeSent()) targets.add(to.name);
        for (const { name } of node.pushPulls.splice(0)) targets.add(name);
      }
      expect([...targets].toSorted()).toEqual(["n2", "n3", "n4"]);
      // Probing looks at 1,024 nodes in each tick, to forget the dead, some of them three times.
      expect(most).toBeLessThan(what === "probing" ? 3 * 1_024 + 100 : 5_000);
    },
  );
});

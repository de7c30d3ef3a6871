import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NodeRecord } from "../../src/swim/node-record.ts";
import { NodeTable } from "../../src/swim/node-table.ts";
import { nodeStates, type NodeState } from "../../src/api/node.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { EngineHarness, TestRandom } from "./engine-harness.ts";
import { alive, dead, hostOf } from "./messages.ts";
import { tableOf } from "./table-of.ts";

function names(table: NodeTable): string[] {
  return table.records().map((record) => record.name);
}

it("adds the names of all members to a set, then of each that changes", () => {
  const table = tableOf([
    ["alive", 0],
    ["alive", 0],
  ]);
  const changed = new Set<string>();
  const taken = (): string[] => {
    const all = [...changed].toSorted();
    changed.clear();
    return all;
  };
  table.trackChanges(changed);
  expect(taken()).toEqual(["test0", "test1"]);
  const [first, second] = [table.get("test0"), table.get("test1")] as [NodeRecord, NodeRecord];
  table.change(first, { incarnation: 2 });
  expect(taken()).toEqual(["test0"]);
  table.setState(second, "dead", 0);
  expect(taken()).toEqual(["test1"]);
  table.changed(first);
  expect(taken()).toEqual(["test0"]);
  table.add(new NodeRecord("test2", hostOf("n9"), 7946, new Uint8Array(0), 0));
  expect(taken()).toEqual(["test2"]);
  table.setState(table.get("test2") as NodeRecord, "alive", 0);
  expect(taken()).toEqual(["test2"]);
  table.reap(10, 20, true);
  expect(taken()).toEqual(["test1"]);
});

describe("the end of a round", () => {
  it("comes after each live node was probed, and starts a round in another order [ShuffleNodes]", () => {
    const orders = new Set<string>();
    const table = tableOf(nodeStates.flatMap((state) => Array.from({ length: 5 }, () => [state, 0] as const)));
    const live = table.records().filter((record) => !record.isDeadOrLeft);
    for (let round = 0; round < 20; round++) {
      const order: string[] = [];
      for (let record = table.nextProbed(); record !== undefined; record = table.nextProbed()) order.push(record.name);
      orders.add(order.join());
      expect(order.toSorted()).toEqual(live.map(({ name }) => name).toSorted());
    }
    expect(orders.size).toBe(20);
  });

  it("comes after one turn of each live node, even if all become suspect and alive again meanwhile", () => {
    const table = tableOf(Array.from({ length: 20 }, () => ["alive", 0] as const));
    const expected = names(table).toSorted();
    for (let round = 0; round < 10; round++) {
      const order: string[] = [];
      for (let record = table.nextProbed(); record !== undefined; record = table.nextProbed()) {
        order.push(record.name);
        for (const other of table.records()) table.setState(other, other.state === "alive" ? "suspect" : "alive", 0);
        if (order.length > 100) break;
      }
      expect(order.toSorted()).toEqual(expected);
    }
  });

  it("removes only nodes that were dead or left for too long [MoveDeadNodes]", () => {
    const wanted: [NodeState, number][] = [
      ["dead", 0],
      ["alive", 0],
      ["dead", 10],
      ["left", 10],
      ["left", 0],
      ["alive", 0],
      ["dead", 0],
      ["suspect", 0],
      ["left", 0],
    ];
    const table = tableOf(wanted);
    expect(table.reap(15, 15, true)).toEqual([]);
    const reaped = table.reap(15, 20, true);
    expect(reaped.map((record) => record.name).toSorted()).toEqual(["test0", "test4", "test6", "test8"]);
    expect(names(table).toSorted()).toEqual(["test1", "test2", "test3", "test5", "test7"]);
    expect(table.get("test0")).toBeUndefined();
    expect(table.get("test2")?.state).toBe("dead");
    expect(table.size).toBe(5);
    expect(table.liveCount).toBe(3);
  });

  it("begins to forget thousands of dead nodes, a part at a time", () => {
    const table = tableOf(Array.from({ length: 10_000 }, (_, i) => [i % 10 === 0 ? "alive" : "left", 0] as const));
    const reaped = Array.from({ length: 11 }, (_, i) => table.reap(15, 20, i === 0).length);
    expect(reaped.reduce((sum, count) => sum + count)).toBe(9_000);
    expect(Math.max(...reaped)).toBeLessThan(1_025);
    expect(reaped[10]).toBe(0);
    expect([table.size, table.liveCount]).toEqual([1_000, 1_000]);
    expect(table.records().every((record) => record.state === "alive" && table.get(record.name) === record)).toBe(true);
  });

  it("keeps the dead for gossipToTheDeadTime in a running engine [ResetNodes]", () => {
    const node = new EngineHarness({ config: { probeInterval: 10, probeTimeout: 5, gossipToTheDeadTime: 100 } }).start();
    node.deliverAll(alive("n2"), alive("n3"), alive("n4"), dead("n3"));
    node.advance(90);
    expect(node.known()).toHaveLength(4);
    expect(node.state("n3")).toBe("dead");
    node.advance(200);
    expect(node.state("n3")).toBeUndefined();
    node.deliver(alive("n3"));
    expect(node.state("n3")).toBe("alive");
  });

  it("keeps this node's record, however long ago it left", () => {
    const node = new EngineHarness({ config: { probeInterval: 10, probeTimeout: 5, gossipToTheDeadTime: 100 } }).start();
    node.deliver(alive("n2"));
    node.run(() => node.engine.leave(() => undefined));
    node.advance(60_000);
    expect(node.engine.localNode).toMatchObject({ name: "n1", addr: "127.0.0.1", state: "left" });
    expect(node.engine.hasLivePeer).toBe(false);
    expect(node.engine.members()).toEqual([]);
    expect(node.engine.numMembers).toBe(0);
  });
});

describe("NodeTable", () => {
  it("adds a node at a random place, and moves only the node that was there", () => {
    const random = new TestRandom(1);
    const table = new NodeTable(random);
    const add = (name: string, at: number): void => {
      random.fixed = at;
      const record = new NodeRecord(name, "127.0.0.1", 1, new Uint8Array(0), 0);
      record.changeState("alive", 0);
      table.add(record);
    };
    add("a", 0.9);
    add("b", 0);
    expect(names(table)).toEqual(["b", "a"]);
    add("c", 0.99);
    expect(names(table)).toEqual(["b", "c", "a"]);
    add("d", 0.4);
    expect(names(table)).toEqual(["b", "d", "a", "c"]);
  });

  it("knows which nodes are in each state, and how many, as a recount would", () => {
    const step = fc.record({ node: fc.nat(9), state: fc.constantFrom(...nodeStates), reap: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = tableOf(Array.from({ length: 10 }, () => ["alive", 0] as const));
        for (const [now, { node, state, reap }] of steps.entries()) {
          const record = table.get(`test${node}`);
          if (record !== undefined) table.setState(record, state, now);
          if (reap) table.reap(3, now, true);
          expect(table.liveCount).toBe(table.records().filter((known) => !known.isDeadOrLeft).length);
          expect(table.records().every((known) => table.get(known.name) === known)).toBe(true);
          for (const one of nodeStates) {
            const expected = table.records().filter((known) => known.state === one);
            expect(table.count(one)).toBe(expected.length);
            expect(new Set(table.randomNodes(10, [one], () => true))).toEqual(new Set(expected));
          }
        }
      }),
    );
  });

  it("knows the addresses of all members that are not dead, as a search would", () => {
    const step = fc.record({
      node: fc.nat(5),
      state: fc.option(fc.constantFrom(...nodeStates)),
      host: fc.option(fc.constantFrom("10.0.0.1", "10.0.0.2")),
      port: fc.option(fc.constantFrom(1, 2)),
      reap: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const table = new NodeTable(new SeededRandom(1));
        for (const [now, { node, state, host, port, reap }] of steps.entries()) {
          const name = `test${node}`;
          const fields = { ...(host === null ? {} : { addr: host }), ...(port === null ? {} : { port }) };
          const record = table.get(name);
          if (record === undefined) table.add(new NodeRecord(name, host ?? "10.0.0.1", port ?? 1, new Uint8Array(0), now));
          else if (state === null) table.change(record, fields);
          else table.setState(record, state, now, fields);
          if (reap) table.reap(3, now, true);
          for (const addr of ["10.0.0.1", "10.0.0.2"]) {
            for (const at of [1, 2]) {
              const expected = table.records().some((one) => one.state !== "dead" && one.addr === addr && one.port === at);
              expect(table.isOccupied(addr, at)).toBe(expected);
            }
          }
        }
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it("follows the addresses of a member that leaves, moves, dies and is forgotten", () => {
    const table = new NodeTable(new SeededRandom(1));
    const record = new NodeRecord("a", "10.0.0.1", 1, new Uint8Array(0), 0);
    const places = (): boolean[] => [
      table.isOccupied("10.0.0.1", 1),
      table.isOccupied("10.0.0.2", 1),
      table.isOccupied("10.0.0.2", 2),
    ];
    table.add(record);
    expect(places()).toEqual([false, false, false]);
    table.setState(record, "alive", 0);
    expect(places()).toEqual([true, false, false]);
    table.change(record, { addr: "10.0.0.2" });
    expect(places()).toEqual([false, true, false]);
    table.change(record, { port: 2 });
    expect(places()).toEqual([false, false, true]);
    table.setState(record, "dead", 0);
    expect(places()).toEqual([false, false, false]);
    table.setState(record, "alive", 0, { addr: "10.0.0.1", port: 1 });
    expect(places()).toEqual([true, false, false]);
    table.setState(record, "left", 0);
    expect(places()).toEqual([true, false, false]);
    expect(table.reap(1, 5, true)).toEqual([record]);
    expect(places()).toEqual([false, false, false]);
    // One that is added as alive.
    const other = new NodeRecord("b", "10.0.0.2", 2, new Uint8Array(0), 0);
    other.changeState("alive", 0);
    table.add(other);
    expect(places()).toEqual([false, false, true]);
    // The address of a dead node that another node has, too.
    const second = new NodeRecord("c", "10.0.0.2", 2, new Uint8Array(0), 0);
    table.add(second);
    table.reap(1, 5, true);
    expect(places()).toEqual([false, false, true]);
  });

  it("looks at nodes that were added during a pass in the next one", () => {
    const table = tableOf(Array.from({ length: 3_000 }, () => ["dead", 0] as const));
    expect(table.reap(15, 20, true)).toHaveLength(1_024);
    // The pass goes on where it was, even if it is to begin anew.
    expect(table.reap(15, 20, true)).toHaveLength(1_024);
    expect(table.reap(15, 20, true)).toHaveLength(952);
    expect(table.reap(15, 20, false)).toHaveLength(0);
    expect(table.size).toBe(0);
  });

  it("ends a pass before it begins anew, and begins none unasked", () => {
    const table = tableOf(
      Array.from({ length: 3_000 }, (_, i) => (i < 1_000 ? ["dead", 0] : ["left", 10]) as [NodeState, number]),
    );
    const reaped = [true, true, true, false].map((begin) => table.reap(15, 20, begin).length);
    expect(reaped).toEqual([0, 48, 952, 0]);
    const record = table.records()[0] as NodeRecord;
    table.setState(record, "left", 0);
    expect(table.reap(15, 20, false)).toEqual([]);
    const later = [true, false].flatMap((begin) => table.reap(15, 20, begin));
    expect(later).toEqual([record]);
  });

  it("counts the nodes of each state, and shows that a count has changed", () => {
    const table = tableOf([
      ["alive", 0],
      ["alive", 0],
      ["suspect", 0],
      ["left", 0],
    ]);
    const counts = (): number[] => nodeStates.map((state) => table.count(state));
    expect(counts()).toEqual([2, 1, 0, 1]);
    let seen = table.stateChanges;
    const hasChanged = (): boolean => {
      const before = seen;
      seen = table.stateChanges;
      return seen > before;
    };
    expect(hasChanged()).toBe(false);
    table.change(table.get("test0") as NodeRecord, { port: 1 });
    expect(hasChanged()).toBe(false);
    table.setState(table.get("test0") as NodeRecord, "dead", 1);
    expect([hasChanged(), ...counts()]).toEqual([true, 1, 1, 1, 1]);
    table.reap(15, 20, true);
    expect([hasChanged(), ...counts()]).toEqual([true, 1, 1, 0, 0]);
    table.add(new NodeRecord("new", "10.0.0.1", 1, new Uint8Array(0), 20));
    expect([hasChanged(), ...counts()]).toEqual([true, 1, 1, 1, 0]);
  });

  it("returns frozen views, and a new one after each change", () => {
    const table = tableOf([["alive", 0]]);
    const record = table.get("test0") as NodeRecord;
    const before = record.view();
    expect(record.view()).toBe(before);
    table.setState(record, "suspect", 1);
    expect(before.state).toBe("alive");
    expect(record.view().state).toBe("suspect");
    expect(Object.isFrozen(before)).toBe(true);
  });

  it("shares one copy of common versions, and keeps none of a flood of made-up ones", () => {
    const table = tableOf([]);
    const common = table.internVersions([1, 5, 2, 0, 0, 0]);
    expect(table.internVersions(Uint8Array.of(1, 5, 2, 0, 0, 0) as unknown as number[])).toBe(common);
    expect(table.internVersions([1, 5, 2, 0, 0, 0, 99])).toBe(common);
    for (let i = 0; i < 1000; i++) table.internVersions([1, 5, 2, i & 255, i >> 8, 7]);
    expect(table.internVersions([1, 5, 2, 0, 0, 0])).toBe(common);
    const late = [1, 5, 2, 231, 3, 7];
    expect(table.internVersions(late)).toEqual(late);
    expect(table.internVersions(late)).toHaveLength(6);
    // Others that begin alike, and the same again.
    const [other, more] = [table.internVersions([1, 5, 2, 0, 0, 1]), table.internVersions([1, 5, 2, 0, 0, 1, 99])];
    expect(other).toEqual([1, 5, 2, 0, 0, 1]);
    expect(more).toEqual(other);
    expect(table.internVersions([0, 5, 2, 0, 0, 0])).toEqual([0, 5, 2, 0, 0, 0]);
    expect(table.internVersions([1, 5, 2, 0, 0, 0])).toBe(common);
    expect(table.internVersions(late)).not.toBe(table.internVersions(late));
  });

  it("shares the first 256 versions that it sees", () => {
    const table = tableOf([]);
    const given = Array.from({ length: 257 }, (_, i) => [1, 5, 2, i & 255, i >> 8, 7]);
    const first = given.map((versions) => table.internVersions(versions));
    const isShared = given.map((versions, i) => table.internVersions(versions) === first[i]);
    expect(isShared).toEqual(Array.from({ length: 257 }, (_, i) => i < 256));
  });

  it("compares six versions, each of them, whichever it saw last", () => {
    const table = tableOf([]);
    const [ones, twos] = [1, 2].map((version) => Array.from({ length: 6 }, () => version)) as [number[], number[]];
    const shared = table.internVersions(ones);
    expect(shared).toEqual(ones);
    expect(table.internVersions(twos)).toEqual(twos);
    expect(table.internVersions([...ones, 9])).toBe(shared);
  });
});

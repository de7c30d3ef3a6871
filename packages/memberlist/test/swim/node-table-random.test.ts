import { describe, expect, it } from "vitest";
import { nodeStates, type NodeState } from "../../src/api/node.ts";
import { NodeRecord } from "../../src/swim/node-record.ts";
import { NodeTable } from "../../src/swim/node-table.ts";
import { TestRandom } from "./engine-harness.ts";
import { tableOf } from "./table-of.ts";

describe("NodeTable.randomNodes", () => {
  const mixed = Array.from({ length: 90 }, (_, i) => [nodeStates[i % 3] as NodeState, 0] as const);
  const isEligible = (record: NodeRecord): boolean => record.name !== "test0" && record.state === "alive";

  it("chooses other nodes each time, all eligible and distinct [KRandomNodes]", () => {
    const table = tableOf(mixed);
    const choices = Array.from({ length: 3 }, () => table.randomNodes(3, nodeStates, isEligible));
    for (const chosen of choices) {
      expect(chosen).toHaveLength(3);
      expect(new Set(chosen).size).toBe(3);
      expect(chosen.every(isEligible)).toBe(true);
    }
    expect(
      new Set(
        choices.map((chosen) =>
          chosen
            .map(({ name }) => name)
            .toSorted()
            .join(),
        ),
      ).size,
    ).toBe(3);
  });

  it("finds every eligible node of a small cluster [KRandomNodes]", () => {
    for (let seed = 0; seed < 50; seed++) {
      const chosen = tableOf(mixed.slice(0, 8), seed).randomNodes(3, nodeStates, isEligible);
      expect(chosen.map(({ name }) => name).toSorted()).toEqual(["test3", "test6"]);
    }
  });

  it("finds the only eligible node of a hundred, wherever it is", () => {
    for (let seed = 0; seed < 50; seed++) {
      const table = tableOf(
        Array.from({ length: 100 }, () => ["alive", 0] as const),
        seed,
      );
      for (const name of ["test0", "test50", "test99"]) {
        expect(table.randomNodes(3, ["alive"], (record) => record.name === name).map((record) => record.name)).toEqual([name]);
      }
    }
  });

  it("finds the few live nodes among thousands of dead ones, of which none is eligible", () => {
    const table = tableOf(Array.from({ length: 20_000 }, (_, i) => [i % 4_000 === 0 ? "alive" : "dead", 0] as const));
    const isLive = (record: NodeRecord): boolean => record.state === "alive";
    for (let i = 0; i < 20; i++) {
      const chosen = table.randomNodes(3, ["alive", "suspect", "dead"], isLive);
      expect(chosen).toHaveLength(3);
      expect(new Set(chosen).size).toBe(3);
    }
    expect(table.randomNodes(9, ["alive", "suspect", "dead"], isLive)).toHaveLength(5);
  });

  it("never returns more than k nodes, however many of them it finds among the dead", () => {
    const table = tableOf(Array.from({ length: 20_000 }, (_, i) => [i % 500 === 0 ? "alive" : "dead", 0] as const));
    for (let i = 0; i < 20; i++) {
      const chosen = table.randomNodes(3, ["alive", "suspect", "dead"], (record) => record.state === "alive");
      expect(chosen).toHaveLength(3);
      expect(new Set(chosen).size).toBe(3);
    }
  });

  it("looks once at each node of a small cluster", () => {
    const table = tableOf(mixed.slice(0, 8));
    let looks = 0;
    const chosen = table.randomNodes(3, ["alive", "suspect"], () => {
      looks++;
      return false;
    });
    expect([chosen, looks]).toEqual([[], 6]);
  });

  it("draws one random number for one node where all are eligible", () => {
    const random = new TestRandom(1);
    const table = new NodeTable(random);
    for (let i = 0; i < 30; i++) table.add(new NodeRecord(`test${i}`, "10.0.0.1", i, new Uint8Array(0), 0));
    random.draws = 0;
    expect(table.randomNodes(1, ["dead"], () => true)).toHaveLength(1);
    expect(random.draws).toBe(1);
  });

  it("looks at a bounded number of nodes, and at no more once it has enough", () => {
    const table = tableOf(Array.from({ length: 5_000 }, () => ["alive", 0] as const));
    let looks = 0;
    const count = (isEligible: boolean) => (): boolean => {
      looks++;
      return isEligible;
    };
    expect(table.randomNodes(3, ["alive"], count(false))).toEqual([]);
    expect(looks).toBe(64 + 1_024);
    looks = 0;
    expect(table.randomNodes(3, ["alive"], count(true))).toHaveLength(3);
    expect(looks).toBeLessThan(10);
    // Dead nodes are not looked for twice once there are enough others.
    looks = 0;
    expect(table.randomNodes(3, ["alive", "dead"], count(true))).toHaveLength(3);
    expect(looks).toBeLessThan(10);
  });

  it("takes no nodes of other states", () => {
    const table = tableOf(mixed);
    for (const state of nodeStates) {
      const chosen = table.randomNodes(60, [state], () => true);
      expect(chosen.map((record) => record.state)).toEqual(Array.from({ length: state === "left" ? 0 : 30 }, () => state));
    }
  });

  it("gives up eventually if too few nodes are eligible", () => {
    const table = tableOf(mixed);
    expect(table.randomNodes(5, nodeStates, () => false)).toEqual([]);
    expect(table.randomNodes(5, nodeStates, (record) => record.name === "test7").length).toBeLessThanOrEqual(1);
    expect(table.randomNodes(0, nodeStates, () => true)).toEqual([]);
  });

  it("chooses all nodes equally often", () => {
    for (const size of [6, 30]) {
      const table = tableOf(Array.from({ length: size }, () => ["alive", 0] as const));
      const counts = new Map<string, number>();
      for (let i = 0; i < 200 * size; i++) {
        for (const { name } of table.randomNodes(3, nodeStates, () => true)) counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      expect(counts.size).toBe(size);
      for (const count of counts.values()) expect(Math.abs(count - 600)).toBeLessThan(120);
    }
  });
});

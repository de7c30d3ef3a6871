import { describe, expect, it, vi } from "vitest";
import type { Node, Tags } from "@memberlist/core";
import { tableOf } from "../src/membership.ts";
import { nodesOf, type RingTable } from "../src/ring-table.ts";
import { keys, names, nodeOf } from "./support.ts";

/** A table of `node-0` and so on. */
function tableWith(count: number, tagsOf: (i: number) => Tags = () => ({})): RingTable {
  return tableFor(Array.from({ length: count }, (_, i) => nodeOf(`node-${i}`, tagsOf(i))));
}

function tableFor(nodes: readonly Node[]): RingTable {
  return tableOf(nodes, {}, (error) => expect.unreachable(String(error)));
}

const ownerOf = (table: RingTable, key: string | Uint8Array): string => names(nodesOf(table, key, 1))[0] ?? "";

/** How many of the keys each member owns. */
function counts(table: RingTable, all: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const key of all) found.set(ownerOf(table, key), (found.get(ownerOf(table, key)) ?? 0) + 1);
  return found;
}

describe("the owners of keys", () => {
  it("stays the same in every version and on every runtime", () => {
    const even = tableWith(5);
    expect(["", "a", "user:42", "é", "x".repeat(400)].map((key) => names(nodesOf(even, key, 3)))).toMatchInlineSnapshot(`
      [
        [
          "node-2",
          "node-3",
          "node-1",
        ],
        [
          "node-0",
          "node-3",
          "node-2",
        ],
        [
          "node-2",
          "node-3",
          "node-1",
        ],
        [
          "node-4",
          "node-3",
          "node-0",
        ],
        [
          "node-3",
          "node-1",
          "node-0",
        ],
      ]
    `);
    const uneven = tableWith(5, (i) => ({ weight: String(i + 1), zone: `zone-${i % 2}` }));
    expect(["", "a", "user:42", "é", "x".repeat(400)].map((key) => names(nodesOf(uneven, key, 3)))).toMatchInlineSnapshot(`
      [
        [
          "node-2",
          "node-3",
          "node-4",
        ],
        [
          "node-3",
          "node-2",
          "node-0",
        ],
        [
          "node-2",
          "node-3",
          "node-1",
        ],
        [
          "node-4",
          "node-3",
          "node-2",
        ],
        [
          "node-3",
          "node-4",
          "node-2",
        ],
      ]
    `);
  });

  it("depends on the names of the members only, and not on their order", () => {
    const nodes = Array.from({ length: 20 }, (_, i) => nodeOf(`node-${i}`));
    const [one, other] = [tableFor(nodes), tableFor(nodes.toReversed())];
    for (const key of keys(200)) expect(nodesOf(other, key, 3)).toEqual(nodesOf(one, key, 3));
  });

  it("takes bytes as it takes the string with these bytes, of any length", () => {
    const table = tableWith(10);
    for (const key of ["", "a", "é", "x".repeat(170), "é".repeat(171), "y".repeat(5_000)]) {
      expect(nodesOf(table, new TextEncoder().encode(key), 2)).toEqual(nodesOf(table, key, 2));
    }
  });

  it("gives each member of equal weight about the same number of keys", () => {
    const all = keys(100_000);
    const found = counts(tableWith(100), all);
    // Each count has the mean 1,000 and the standard deviation 31.5; chi-square has 99 degrees of freedom.
    const chiSquare = [...found.values()].reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0);
    expect(found.size).toBe(100);
    expect(chiSquare).toBeLessThan(160);
  });

  it("chooses second owners evenly, too", () => {
    const found = new Map<string, number>();
    const table = tableWith(10);
    for (const key of keys(90_000)) {
      const pair = names(nodesOf(table, key, 2)).join(" ");
      found.set(pair, (found.get(pair) ?? 0) + 1);
    }
    const chiSquare = [...found.values()].reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0);
    expect(found.size).toBe(90);
    expect(chiSquare).toBeLessThan(150);
  });

  it("gives members keys in proportion to their weights", () => {
    const weights = ["1", "2", "4", "0.5", "0"];
    const table = tableWith(5, (i) => ({ weight: weights[i] ?? "" }));
    const found = counts(table, keys(75_000));
    for (const [i, expected] of [10_000, 20_000, 40_000, 5_000].entries()) {
      expect(Math.abs((found.get(`node-${i}`) ?? 0) - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
    expect(found.has("node-4")).toBe(false);
  });

  it.each(["", "heavy", "-1", "1000001", "1e-7", "NaN", "Infinity"])("counts the weight %j as 1", (weight) => {
    expect(tableWith(1, () => ({ weight })).entries[0]?.weight).toBe(1);
  });

  it("computes no logarithm for equal weights, and few for others", () => {
    const [even, uneven] = [tableWith(100), tableWith(100, (i) => ({ weight: String(1 + (i % 8)) }))];
    const logarithm = vi.spyOn(Math, "log");
    for (const key of keys(1_000)) nodesOf(even, key, 3);
    expect(logarithm).not.toHaveBeenCalled();
    for (const key of keys(1_000)) nodesOf(uneven, key, 1);
    expect(logarithm.mock.calls.length).toBeLessThan(15_000);
    logarithm.mockRestore();
  });

  it("gives the same first owner for each number of owners", () => {
    for (const tagsOf of [() => ({}), (i: number) => ({ weight: String((i % 3) + 1), zone: `zone-${i % 4}` })]) {
      const table = tableWith(30, tagsOf);
      for (const key of keys(500)) {
        const owners = nodesOf(table, key, 30);
        expect(new Set(owners).size).toBe(30);
        for (const n of [1, 2, 5]) expect(nodesOf(table, key, n)).toEqual(owners.slice(0, n));
      }
    }
  });

  it("prefers distinct zones, then as many of each zone as possible", () => {
    const table = tableWith(9, (i) => ({ zone: i < 5 ? "a" : i < 8 ? "b" : "c" }));
    for (const key of keys(300)) {
      const zones = nodesOf(table, key, 9).map(({ name }) => table.get(name)?.zone ?? "");
      expect(new Set(zones.slice(0, 3))).toEqual(new Set(["a", "b", "c"]));
      expect(new Set(zones.slice(3, 5))).toEqual(new Set(["a", "b"]));
      expect(new Set(zones.slice(5, 7))).toEqual(new Set(["a", "b"]));
      expect(zones.slice(7)).toEqual(["a", "a"]);
    }
  });

  it("returns all members if there are fewer than asked for, and none for an empty ring", () => {
    expect(nodesOf(tableWith(2), "a", 5)).toHaveLength(2);
    expect(nodesOf(tableWith(0), "a", 1)).toEqual([]);
    expect(nodesOf(tableWith(0), "a", 3)).toEqual([]);
  });

  it("moves keys only to a member that joined, and only from a member that left", () => {
    for (const tagsOf of [() => ({}), (i: number) => ({ weight: String((i % 3) + 1) })]) {
      const [less, more] = [tableWith(20, tagsOf), tableWith(21, tagsOf)];
      let moved = 0;
      const all = keys(20_000);
      for (const key of all) {
        const [before, after] = [ownerOf(less, key), ownerOf(more, key)];
        if (before === after) continue;
        moved++;
        expect(after).toBe("node-20");
      }
      const weights = more.entries.reduce((sum, { weight }) => sum + weight, 0);
      const expected = (all.length * (more.get("node-20")?.weight ?? 0)) / weights;
      expect(Math.abs(moved - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });
});

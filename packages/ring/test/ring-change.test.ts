import { describe, expect, it } from "vitest";
import { RingChange } from "../src/ring-change.ts";
import { RingTable } from "../src/ring-table.ts";
import { keys, nodeOf } from "./support.ts";

/** Weights by the index of the member, and 0 for a member that the table does not have. */
function tableOf(weights: readonly number[]): RingTable {
  return new RingTable(weights.flatMap((weight, i) => (weight === 0 ? [] : [{ node: nodeOf(`node-${i}`), weight, zone: "" }])));
}

/** Numbers from 0 to 4, the same in each run. */
function weights(count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) % 5;
  });
}

describe("RingChange", () => {
  it.each([1, 2, 3, 4])(
    "expects the share of keys that moves when members come, go, and change their weights (seed %i)",
    (seed) => {
      const before = tableOf(weights(20, seed));
      const after = tableOf(weights(20, seed + 100));
      const change = new RingChange(before, after);
      const all = keys(20_000);
      const moved = all.filter((key) => change.moved(key) !== undefined).length;
      expect(Math.abs(change.movedShare() - moved / all.length)).toBeLessThan(0.015);
    },
  );

  it("expects no move of an empty ring, none without a change, and all moves to the first members", () => {
    const some = tableOf([1, 2, 3]);
    expect(new RingChange(tableOf([]), tableOf([])).movedShare()).toBe(0);
    expect(new RingChange(some, some).movedShare()).toBeCloseTo(0);
    expect(new RingChange(tableOf([]), some).movedShare()).toBe(1);
  });

  it("expects the share of 50,000 members in a moment", () => {
    const change = new RingChange(tableOf(weights(50_000, 1)), tableOf(weights(50_000, 2)));
    expect(change.movedShare()).toBeGreaterThan(0.4);
  });
});

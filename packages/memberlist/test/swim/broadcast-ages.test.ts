import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { BroadcastAges } from "../../src/swim/broadcast-ages.ts";

interface Item {
  readonly id: number;
}

const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constantFrom("newer", "older", "between"), many: fc.nat(100), at: fc.nat(999) }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constantFrom("remove", "newest", "oldest"), many: fc.nat(100), at: fc.nat(999) }),
  },
);

/** An id between two others. Ids need not be whole. */
function between(ids: readonly number[], at: number): number {
  const i = at % ids.length;
  const before = ids[i] as number;
  return (before + (ids[i + 1] ?? before + 1)) / 2;
}

describe("BroadcastAges", () => {
  it("keeps the order of ids, as a sorted array does, in any sequence of additions and removals", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 25 }), (commands) => {
        const list = new BroadcastAges<Item>();
        const model: Item[] = [];
        let lowest = 0;
        let highest = 0;
        const add = (id: number): void => {
          // Two ids have no number between them after too many halvings.
          if (model.some((item) => item.id === id)) return;
          const item = { id };
          list.add(item);
          model.push(item);
          model.sort((a, b) => a.id - b.id);
        };
        for (const { type, many, at } of commands) {
          const pairs: [Item | undefined, Item | undefined][] = [];
          for (let i = 0; i < many; i++) {
            if (type === "newer" || model.length === 0) add(++highest);
            else if (type === "older") add(--lowest);
            else if (type === "between")
              add(
                between(
                  model.map(({ id }) => id),
                  at + i,
                ),
              );
            else if (type === "newest") pairs.push([list.takeNewest(), model.pop()]);
            else if (type === "oldest") pairs.push([list.takeOldest(), model.shift()]);
            else list.remove(model.splice((at + i) % model.length, 1)[0] as Item);
          }
          expect(pairs.every(([taken, expected]) => taken === expected)).toBe(true);
          expect([...list]).toEqual(model);
          expect(list.isEmpty).toBe(model.length === 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("keeps the order where items are added between those of full blocks, or before them", () => {
    const list = new BroadcastAges<Item>();
    const ids = Array.from({ length: 1_000 }, (_, i) => i * 1_000);
    for (const id of ids) list.add({ id });
    // 100 items each into a block at the start, in the middle and at the end, then before all.
    const added = [0, 100_000, 500_000, 998_000].flatMap((from) =>
      Array.from({ length: 100 }, (_, i) => from + 1 + ((i * 37) % 100)),
    );
    const before = Array.from({ length: 100 }, (_, i) => -1 - i);
    for (const id of [...added, ...before]) list.add({ id });
    const all = [...ids, ...added, ...before].toSorted((a, b) => a - b);
    expect(Array.from(list, ({ id }) => id)).toEqual(all);
    for (const id of added) list.remove({ id });
    const rest = [...before, ...ids].toSorted((a, b) => a - b);
    expect(Array.from(list, ({ id }) => id)).toEqual(rest);
  });

  it("moves few items at each addition and removal, however many it has", () => {
    const list = new BroadcastAges<Item>();
    let longest = 0;
    const { splice } = Array.prototype;
    const spy = vi.spyOn(Array.prototype, "splice").mockImplementation(function (this: unknown[], ...given) {
      longest = Math.max(longest, this.length);
      return splice.apply(this, given);
    });
    try {
      for (let id = 0; id < 10_000; id++) list.add({ id });
      for (let i = 0; i < 1_000; i++) list.add({ id: 5_000 + i / 1_024 });
      for (let id = 4_000; id < 6_000; id++) list.remove({ id });
    } finally {
      spy.mockRestore();
    }
    // A block has at most 64 items, and there are some 190 blocks.
    expect(longest).toBeGreaterThanOrEqual(64);
    expect(longest).toBeLessThan(220);
  });

  it("returns undefined from an empty list", () => {
    const list = new BroadcastAges<Item>();
    expect([list.takeNewest(), list.takeOldest(), list.isEmpty, [...list]]).toEqual([undefined, undefined, true, []]);
    list.add({ id: 1 });
    list.takeOldest();
    expect([list.takeNewest(), list.isEmpty]).toEqual([undefined, true]);
  });

  it("looks at few items to find one of a hundred thousand", () => {
    let looks = 0;
    const items = Array.from({ length: 100_000 }, (_, i) => ({
      get id() {
        looks++;
        return i;
      },
    }));
    const list = new BroadcastAges<Item>();
    for (let i = 0; i < items.length; i += 2) list.add(items[i] as Item);
    looks = 0;
    // In a mixed order, so that most items go between others.
    for (let i = 0, at = 1; i < 1_000; i++, at = (at + 49_999 * 2) % items.length) {
      list.add(items[at] as Item);
      list.remove(items[at] as Item);
    }
    // The addition and the removal each search among the blocks, and then in one block.
    expect(looks / 1_000).toBeLessThan(50);
  });
});

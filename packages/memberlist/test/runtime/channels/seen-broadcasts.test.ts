import * as fc from "fast-check";
import { expect, it } from "vitest";
import { SeenBroadcasts } from "../../../src/runtime/channels/seen-broadcasts.ts";

const minute = 60_000;

it("reports each broadcast as new exactly once, in any order within the window", () => {
  const sequences = fc.array(fc.nat({ max: 15_000 }), { maxLength: 200 });
  fc.assert(
    fc.property(sequences, (arrived) => {
      const seen = new SeenBroadcasts();
      const known = new Set<number>();
      for (const sequence of arrived) {
        expect(seen.add(1, sequence, 0)).toBe(!known.has(sequence));
        known.add(sequence);
      }
    }),
  );
});

it("keeps origins apart", () => {
  const seen = new SeenBroadcasts();
  expect([seen.add(1, 5, 0), seen.add(2, 5, 0), seen.add(1, 5, 0)]).toEqual([true, true, false]);
});

it("counts broadcasts far behind the newest one as seen", () => {
  const seen = new SeenBroadcasts();
  expect(seen.add(1, 100_000, 0)).toBe(true);
  expect(seen.add(1, 100_000 - 14_000, 0)).toBe(true);
  expect(seen.add(1, 100_000 - 17_000, 0)).toBe(false);
  expect(seen.add(1, 2 ** 32 - 1, 0)).toBe(true);
  expect(seen.add(1, 2 ** 32 - 1, 0)).toBe(false);
});

it("forgets an origin ten minutes after its last broadcast, when another one appears", () => {
  const seen = new SeenBroadcasts();
  seen.add(1, 1, 0);
  seen.add(2, 1, 9 * minute);
  seen.add(3, 1, 11 * minute);
  expect(seen.add(2, 1, 11 * minute)).toBe(false);
  expect(seen.add(1, 1, 11 * minute)).toBe(true);
});

it("forgets an origin ten minutes after a sequence far ahead, and then accepts its broadcasts again", () => {
  const seen = new SeenBroadcasts();
  seen.add(1, 2 ** 32 - 1, 0);
  expect(seen.add(1, 7, 9 * minute)).toBe(false);
  expect(seen.add(1, 8, 10 * minute)).toBe(true);
});

it("remembers at most 8,192 origins, and forgets the one that was silent for longest", () => {
  const seen = new SeenBroadcasts();
  for (let origin = 0; origin < 8_192; origin++) seen.add(origin, 1, 0);
  seen.add(0, 2, 0);
  seen.add(9_000, 1, 0);
  expect(seen.add(0, 1, 0)).toBe(false);
  expect(seen.add(2, 1, 0)).toBe(false);
  expect(seen.add(1, 1, 0)).toBe(true);
});

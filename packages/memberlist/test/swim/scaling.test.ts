import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pushPullScale, retransmitLimit, suspicionTimeout } from "../../src/swim/scaling.ts";
import { randomOffset, shuffle } from "../../src/ports/random.ts";
import { SeededRandom } from "../../src/testing/seeded-random.ts";

describe("randomness", () => {
  it("gives offsets that do not collide in a large range [RandomOffset]", () => {
    const random = new SeededRandom("offsets");
    const offsets = new Set(Array.from({ length: 100 }, () => randomOffset(random, 2 ** 31)));
    expect(offsets.size).toBe(100);
    for (const offset of offsets) expect(Number.isInteger(offset) && offset >= 0 && offset < 2 ** 31).toBe(true);
  });

  it("gives 0 for nothing to choose from [RandomOffset_Zero]", () => {
    expect(randomOffset(new SeededRandom(1), 0)).toBe(0);
  });

  it("reaches every offset of a small range, and none beyond", () => {
    const random = new SeededRandom(3);
    const seen = new Set(Array.from({ length: 500 }, () => randomOffset(random, 7)));
    expect([...seen].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(randomOffset({ next: () => 1 - 2 ** -53 }, 7)).toBe(6);
  });

  it("shuffles into every order alike", () => {
    const random = new SeededRandom(5);
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const items = ["a", "b", "c"];
      shuffle(random, items);
      const order = items.join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe("scaling with the size of the cluster", () => {
  it("stretches the suspicion with log10(n), kept to thousandths [SuspicionTimeout]", () => {
    const expected: [n: number, ms: number][] = [
      [5, 1000],
      [10, 1000],
      [50, 1698],
      [100, 2000],
      [500, 2698],
      [1000, 3000],
    ];
    for (const [n, ms] of expected) expect(suspicionTimeout(3, n, 1000)).toBe(3 * ms);
    expect(suspicionTimeout(4, 0, 1000)).toBe(4000);
    expect(suspicionTimeout(4, 1, 250)).toBe(1000);
  });

  it("transmits retransmitMult times for each digit of n [RetransmitLimit]", () => {
    const expected: [n: number, limit: number][] = [
      [0, 0],
      [1, 3],
      [9, 3],
      [10, 6],
      [99, 6],
      [100, 9],
      [999, 9],
    ];
    for (const [n, limit] of expected) expect(retransmitLimit(3, n)).toBe(limit);
  });

  it("slows push/pull down for each doubling over 32 nodes [PushPullScale]", () => {
    for (let n = 0; n <= 32; n++) expect(pushPullScale(1000, n)).toBe(1000);
    for (let n = 33; n <= 64; n++) expect(pushPullScale(1000, n)).toBe(2000);
    for (let n = 65; n <= 128; n++) expect(pushPullScale(1000, n)).toBe(3000);
  });

  it("never gets shorter as the cluster grows", () => {
    fc.assert(
      fc.property(fc.nat(2_000_000), (n) => {
        expect(suspicionTimeout(4, n + 1, 1000)).toBeGreaterThanOrEqual(suspicionTimeout(4, n, 1000));
        expect(retransmitLimit(4, n + 1)).toBeGreaterThanOrEqual(retransmitLimit(4, n));
        expect(pushPullScale(30_000, n + 1)).toBeGreaterThanOrEqual(pushPullScale(30_000, n));
      }),
    );
  });
});

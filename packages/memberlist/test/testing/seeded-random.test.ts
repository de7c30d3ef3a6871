import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../src/testing/seeded-random.ts";

const draw = (random: SeededRandom, count: number): number[] => Array.from({ length: count }, () => random.next());

describe("SeededRandom", () => {
  it("repeats its numbers for a seed, now and in later versions", () => {
    expect(draw(new SeededRandom(42), 100)).toEqual(draw(new SeededRandom(42), 100));
    expect(draw(new SeededRandom(42), 3)).toEqual([0.871083741561322, 0.4396456682664245, 0.16528126216104133]);
  });

  it("differs between seeds, numbers and texts", () => {
    const firsts = [0, 1, 2, -1, 0.5, 1e21, "", "0", "1", "a", "b"].map((seed) => new SeededRandom(seed).next());
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it("stays within [0, 1), evenly spread", () => {
    const buckets = Array.from({ length: 16 }, () => 0);
    for (const value of draw(new SeededRandom("spread"), 64_000)) {
      const bucket = Math.floor(value * 16);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(buckets).toHaveLength(16);
    // 4,000 are expected in each, with a standard deviation of 61.
    for (const count of buckets) expect(Math.abs(count - 4_000)).toBeLessThan(300);
  });

  it("spreads evenly for neighbouring seeds as well", () => {
    const firsts = Array.from({ length: 4_000 }, (_, seed) => new SeededRandom(seed).next());
    expect(firsts.reduce((sum, value) => sum + value, 0) / firsts.length).toBeCloseTo(0.5, 1);
    expect(new Set(firsts).size).toBe(4_000);
  });

  it("forks generators that do not disturb one another", () => {
    const one = new SeededRandom(7);
    const two = new SeededRandom(7);
    const forkOne = one.fork();
    const forkTwo = two.fork();
    draw(forkOne, 50);
    expect(one.next()).toBe(two.next());
    expect(draw(forkTwo, 60).slice(50)).toEqual(draw(forkOne, 10));
    expect(one.fork().next()).not.toBe(forkTwo.next());
  });
});

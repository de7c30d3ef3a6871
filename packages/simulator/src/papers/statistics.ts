import type { SeededRandom } from "@memberlist/core/testing";

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? NaN : sum(values) / values.length;
}

/** @param share 0.5 is the median. @returns the value at that share of the sorted values; NaN without values */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(Math.ceil(share * sorted.length), sorted.length) - 1] ?? sorted[0] ?? NaN;
}

/** The middle 95 % of `estimate` over samples drawn again, with replacement, from the same `size` units (the bootstrap). */
export function confidence(size: number, random: SeededRandom, estimate: (units: readonly number[]) => number): [number, number] {
  const draws = Array.from({ length: 1000 }, () =>
    estimate(Array.from({ length: size }, () => Math.floor(random.next() * size))),
  ).filter(Number.isFinite);
  return [quantile(draws, 0.025), quantile(draws, 0.975)];
}

/** Wilson's 95 % interval of a share that was seen `hits` times of `trials`. */
export function shareInterval(hits: number, trials: number): [number, number] {
  const z = 1.96;
  const share = hits / trials;
  const middle = (share + z ** 2 / (2 * trials)) / (1 + z ** 2 / trials);
  const half = (z * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2))) / (1 + z ** 2 / trials);
  return [middle - half, middle + half];
}

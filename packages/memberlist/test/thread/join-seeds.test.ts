import { describe, expect, it } from "vitest";
import type { SeedProvider } from "../../src/api/seeds.ts";
import { JoinSeeds } from "../../src/thread/join-seeds.ts";

const functions = (count: number): SeedProvider[] => Array.from({ length: count }, () => () => Promise.resolve([]));

function idsOf(packed: readonly (string | { readonly seedId: number })[]): number[] {
  return packed.flatMap((seed) => (typeof seed === "string" ? [] : seed.seedId));
}

describe("the seeds kept for joins", () => {
  it("keeps the functions of the latest 64 seeds after their joins have ended", () => {
    const seeds = new JoinSeeds();
    const given = functions(1_000);
    for (const seed of given) seeds.begin([seed, "10.0.0.1"]).end();
    expect(seeds.size).toBeLessThanOrEqual(64);
    const latest = seeds.latest();
    expect(latest).toHaveLength(64);
    expect(idsOf(latest).map((id) => seeds.get(id))).toEqual(given.slice(-idsOf(latest).length));
  });

  it("keeps all functions of a join that runs, and frees them when all joins that use them have ended", () => {
    const seeds = new JoinSeeds();
    const given = functions(100);
    const first = seeds.begin(given);
    const second = seeds.begin(given.slice(0, 1));
    const ids = idsOf(first.packed);
    expect(ids.map((id) => seeds.get(id))).toEqual(given);
    expect(idsOf(second.packed)).toEqual(ids.slice(0, 1));
    for (const seed of functions(200)) seeds.begin([seed]).end();
    expect(seeds.size).toBe(164);
    first.end();
    expect([seeds.size, seeds.get(ids[0] as number), seeds.get(ids[1] as number)]).toEqual([65, given[0], undefined]);
    second.end();
    expect(seeds.size).toBe(64);
  });

  it("gives a function the same id while it is kept", () => {
    const seeds = new JoinSeeds();
    const [seed] = functions(1) as [SeedProvider];
    const first = seeds.begin([seed]);
    first.end();
    expect(seeds.begin([seed]).packed).toEqual(first.packed);
  });
});

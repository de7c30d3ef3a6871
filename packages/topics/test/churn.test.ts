import { expect, it } from "vitest";
import { churn } from "./faults.ts";

it.each([1, 2])(
  "misses nothing and delivers nothing twice through loss, a partition, crashes and restarts (seed %d)",
  async (seed) => {
    const { problems, published, repaired } = await churn({ nodes: 10, seed });
    expect(problems).toEqual([]);
    expect([published, repaired > 0]).toEqual([360, true]);
  },
);

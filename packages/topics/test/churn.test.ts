import { expect, it } from "vitest";
import { churn, partition } from "./faults.ts";

it.each([1, 2])(
  "misses nothing and delivers nothing twice through loss, a partition, crashes and restarts (seed %d)",
  async (seed) => {
    const { problems, published, repaired } = await churn({ nodes: 10, seed });
    expect(problems).toEqual([]);
    expect([published, repaired > 0]).toEqual([360, true]);
  },
);

it("gives 49 members the messages of the other side within a push/pull interval of a partition's end", async () => {
  const { agreedAfter, completeAfter, problems } = await partition({ nodes: 49, seed: 1 });
  expect(problems).toEqual([]);
  expect(agreedAfter + completeAfter).toBeLessThan(60_000);
});

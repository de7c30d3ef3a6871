import { expect, it } from "vitest";
import { seedLoad } from "../src/seed-load.ts";

it("spreads the dials of 1,000 members that restart at once, and joins them once the seed runs", async () => {
  const second = 1_000;
  const seconds = await seedLoad({ nodes: 1_000, backAfter: 120 * second, duration: 300 * second, seed: 1 });
  const most = Math.max(...seconds.map(({ dials }) => dials));
  const calls = seconds.reduce((sum, { dials }) => sum + dials, 0);
  // Each has tried it once by then.
  expect(seconds.slice(0, 60).reduce((sum, { dials }) => sum + dials, 0)).toBeGreaterThan(900);
  expect(most).toBeLessThan(70);
  expect(seconds.at(-1)?.members).toBe(1_000);
  // A member that has joined does not call again.
  expect(calls).toBeLessThan(5_000);
}, 120_000);

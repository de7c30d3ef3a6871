import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Run, schedules, type Schedule } from "./schedule.ts";

async function play(schedule: Schedule): Promise<Run> {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  process.on("unhandledRejection", note);
  const run = new Run(schedule);
  try {
    await run.play();
  } finally {
    await run.end();
    process.off("unhandledRejection", note);
  }
  run.problems.push(...rejections.map((reason) => `unhandled rejection: ${String(reason)}`));
  return run;
}

const example: Schedule = {
  seed: 7,
  size: 5,
  steps: [
    { kind: "update", a: 1, b: 0, wait: 2_000 },
    { kind: "partition", a: 1, b: 0, wait: 11_000 },
    { kind: "loss", a: 0, b: 3, wait: 5_000 },
    { kind: "restart", a: 2, b: 3, wait: 3_000 },
    { kind: "leave", a: 4, b: 0, wait: 4_000 },
    { kind: "kill", a: 0, b: 0, wait: 8_000 },
  ],
};

describe("a cluster under random faults", () => {
  it("converges, and reports no contradictory events", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        expect((await play(schedule)).problems).toEqual([]);
      }),
      // Limits the search for a smaller example, so that the seed is printed before the test's own timeout.
      { numRuns: 50, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
    );
  });

  it("runs identically for the same seed, to the byte and the millisecond, and differently for another", async () => {
    const [first, second, other] = [await play(example), await play(example), await play({ ...example, seed: 8 })];
    expect(first.problems).toEqual([]);
    expect(first.trace.length).toBeGreaterThan(500);
    expect(second.trace).toEqual(first.trace);
    expect(other.trace).not.toEqual(first.trace);
  });
});

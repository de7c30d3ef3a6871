import { describe, expect, it } from "vitest";
import type { ClockTimer } from "@memberlist/core";
import { VirtualClock } from "@memberlist/core/testing";
import { denoClock } from "../src/deno-clock.ts";

/** A virtual clock that records how each callback was deferred: by an immediate or by a timer. */
class RecordingClock extends VirtualClock {
  readonly kinds: ("immediate" | "timer")[] = [];

  override defer(callback: () => void): void {
    this.kinds.push("immediate");
    super.setTimeout(callback, 0);
  }

  override setTimeout(callback: () => void, delay: number): ClockTimer {
    this.kinds.push("timer");
    return super.setTimeout(callback, delay);
  }
}

/** Defers a callback `count` times, each from the one before, with work of `workTime` ms in between. */
async function chain(
  recording: RecordingClock,
  clock: { defer(callback: () => void): void },
  count: number,
  workTime: number,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    let hasRun = false;
    clock.defer(() => (hasRun = true));
    await recording.runUntil(() => hasRun);
    await recording.advance(workTime);
  }
}

describe("denoClock", () => {
  it.each([0.5, 2, 10, 20])(
    "waits for a timer after at most 4 ms and one piece of work, with pieces of %d ms",
    async (workTime) => {
      const recording = new RecordingClock();
      const clock = denoClock(recording);
      await chain(recording, clock, 100, workTime);
      const perTimer = Math.ceil(4 / workTime);
      expect(recording.kinds.filter((kind) => kind === "timer").length).toBeGreaterThanOrEqual(Math.floor(99 / (perTimer + 1)));
      expect(
        recording.kinds
          .join()
          .split("timer")
          .every((between) => between.split("immediate").length - 1 <= perTimer),
      ).toBe(true);
    },
  );

  it("defers by an immediate when nothing was deferred for a while", async () => {
    const recording = new RecordingClock();
    const clock = denoClock(recording);
    await chain(recording, clock, 10, 30);
    expect(recording.kinds).toEqual(Array.from({ length: 10 }, () => "immediate"));
  });

  it("keeps the order of callbacks that are deferred together", async () => {
    const recording = new RecordingClock();
    const clock = denoClock(recording);
    await chain(recording, clock, 2, 2);
    const ran: number[] = [];
    for (let i = 0; i < 5; i++) clock.defer(() => ran.push(i));
    await recording.runUntil(() => ran.length === 5);
    expect(ran).toEqual([0, 1, 2, 3, 4]);
    expect(recording.kinds.at(-1)).toBe("timer");
  });
});

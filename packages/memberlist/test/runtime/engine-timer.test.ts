import { expect, it } from "vitest";
import { EngineTimer } from "../../src/runtime/engine-timer.ts";
import { systemClock, type Clock } from "../../src/ports/clock.ts";

/** A runtime with manual timers. */
class Runtime {
  now = 1000;
  /** The timers that are set: their delays and callbacks. */
  readonly timers: Map<number, { readonly delay: number; readonly callback: () => void }> = new Map();
  set = 0;
  readonly fired: number[] = [];
  readonly late: number[] = [];
  readonly lags: number[] = [];
  readonly engineTimer: EngineTimer;

  constructor() {
    const clock: Clock = {
      now: () => this.now,
      wallTime: () => this.now,
      setTimeout: (callback, delay) => {
        this.timers.set(++this.set, { delay, callback });
        return this.set;
      },
      clearTimeout: (timer) => this.timers.delete(timer as number),
      defer: (callback) => callback(),
    };
    this.engineTimer = new EngineTimer({
      clock,
      lagAwareness: true,
      onTime: (at) => this.fired.push(at),
      onLag: (late) => this.lags.push(late),
      onLate: (late) => this.late.push(late),
    });
  }

  /** Fires the one pending timer at `now`. */
  fire(now: number): void {
    const [only, ...others] = this.timers;
    if (only === undefined || others.length > 0) throw new Error(`${this.timers.size} timers are set`);
    this.now = now;
    this.timers.delete(only[0]);
    only[1].callback();
  }
}

it("accepts a timer that fires a fraction of a millisecond early", () => {
  const runtime = new Runtime();
  runtime.engineTimer.set(1010.75);
  runtime.fire(1010);
  expect(runtime.fired).toEqual([1010.75]);
  runtime.engineTimer.set(1020.5);
  runtime.fire(1021);
  expect(runtime.fired).toEqual([1010.75, 1021]);
  expect(runtime.lags).toEqual([0, 0.5]);
  expect(runtime.timers.size).toBe(0);
});

it("does not reset the timer for a deadline that moves back, and still fires on time", () => {
  const runtime = new Runtime();
  runtime.engineTimer.set(1100);
  for (const at of [1200, 1300, 1150.5]) runtime.engineTimer.set(at);
  expect(runtime.set).toBe(1);
  runtime.fire(1100);
  // No timer is due then.
  expect(runtime.fired).toEqual([]);
  expect([...runtime.timers.values()].map(({ delay }) => delay)).toEqual([50.5]);
  runtime.fire(1150.5);
  expect(runtime.fired).toEqual([1150.5]);
});

it("does not fire before a later deadline because of a timer for an earlier one", () => {
  const runtime = new Runtime();
  runtime.engineTimer.set(1100);
  runtime.engineTimer.set(1100.5);
  runtime.fire(1100);
  expect(runtime.fired).toEqual([]);
  runtime.fire(1100.5);
  expect(runtime.fired).toEqual([1100.5]);
});

it("moves to an earlier deadline, and stops without one", () => {
  const runtime = new Runtime();
  runtime.engineTimer.set(1100);
  runtime.engineTimer.set(1050);
  expect([...runtime.timers.values()].map(({ delay }) => delay)).toEqual([50]);
  runtime.engineTimer.set(Infinity);
  expect(runtime.timers.size).toBe(0);
  runtime.engineTimer.set(1060);
  runtime.engineTimer.clear();
  expect(runtime.timers.size).toBe(0);
});

it("reports how late the deadline was, not how late an earlier timer was", () => {
  const runtime = new Runtime();
  runtime.engineTimer.set(1100);
  runtime.engineTimer.set(1190);
  runtime.fire(1200);
  expect(runtime.late).toEqual([]);
  expect(runtime.fired).toEqual([1200]);
  runtime.engineTimer.set(1300);
  runtime.engineTimer.set(1400);
  runtime.fire(1500);
  expect(runtime.late).toEqual([100]);
  expect(runtime.lags).toEqual([10, 100]);
});

it("rounds delays up, because the runtime's timers drop the fraction", async () => {
  const clock = systemClock();
  for (const delay of [3.01, 3.5, 3.99]) {
    const start = clock.now();
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, delay));
    // Runtimes count whole milliseconds from a rounded start: a timer is never more than 1 ms early.
    expect(clock.now() - start).toBeGreaterThan(delay - 1);
  }
});

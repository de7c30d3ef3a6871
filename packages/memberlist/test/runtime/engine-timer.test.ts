import { expect, it } from "vitest";
import { EngineTimer } from "../../src/runtime/engine-timer.ts";
import { systemClock, type Clock } from "../../src/ports/clock.ts";

/** A runtime whose timers count as one says. */
class Runtime {
  now = 1000;
  /** The timers that are set: their delays and callbacks. */
  readonly timers: Map<number, { readonly delay: number; readonly callback: () => void }> = new Map();
  set = 0;
  readonly fired: number[] = [];
  readonly late: number[] = [];
  readonly alarm: EngineTimer;

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
    this.alarm = new EngineTimer({
      clock,
      lagAwareness: true,
      onTime: (at) => this.fired.push(at),
      onLate: (late) => this.late.push(late),
    });
  }

  /** The one timer that is set fires at `now`. */
  fire(now: number): void {
    const [only, ...others] = this.timers;
    if (only === undefined || others.length > 0) throw new Error(`${this.timers.size} timers are set`);
    this.now = now;
    this.timers.delete(only[0]);
    only[1].callback();
  }
}

it("takes a timer that comes a fraction of a millisecond early for the one that was wanted", () => {
  const runtime = new Runtime();
  runtime.alarm.set(1010.75);
  runtime.fire(1010);
  expect(runtime.fired).toEqual([1010.75]);
  runtime.alarm.set(1020.5);
  runtime.fire(1021);
  expect(runtime.fired).toEqual([1010.75, 1021]);
  expect(runtime.timers.size).toBe(0);
});

it("sets no timer anew for a deadline that moves back, and is still on time", () => {
  const runtime = new Runtime();
  runtime.alarm.set(1100);
  for (const at of [1200, 1300, 1150.5]) runtime.alarm.set(at);
  expect(runtime.set).toBe(1);
  runtime.fire(1100);
  // Nothing is due then, not even nearly.
  expect(runtime.fired).toEqual([]);
  expect([...runtime.timers.values()].map(({ delay }) => delay)).toEqual([50.5]);
  runtime.fire(1150.5);
  expect(runtime.fired).toEqual([1150.5]);
});

it("a timer that was left for an earlier deadline fires nothing before the later one, near as it may be", () => {
  const runtime = new Runtime();
  runtime.alarm.set(1100);
  runtime.alarm.set(1100.5);
  runtime.fire(1100);
  expect(runtime.fired).toEqual([]);
  runtime.fire(1100.5);
  expect(runtime.fired).toEqual([1100.5]);
});

it("is set anew for an earlier deadline, and not at all for none", () => {
  const runtime = new Runtime();
  runtime.alarm.set(1100);
  runtime.alarm.set(1050);
  expect([...runtime.timers.values()].map(({ delay }) => delay)).toEqual([50]);
  runtime.alarm.set(Infinity);
  expect(runtime.timers.size).toBe(0);
  runtime.alarm.set(1060);
  runtime.alarm.clear();
  expect(runtime.timers.size).toBe(0);
});

it("tells how late a deadline was, not how late the timer that was left for an earlier one", () => {
  const runtime = new Runtime();
  runtime.alarm.set(1100);
  runtime.alarm.set(1190);
  runtime.fire(1200);
  expect(runtime.late).toEqual([]);
  expect(runtime.fired).toEqual([1200]);
  runtime.alarm.set(1300);
  runtime.alarm.set(1400);
  runtime.fire(1500);
  expect(runtime.late).toEqual([100]);
});

it("the runtime's own timers are never asked for less than was wanted: they drop the fraction", async () => {
  const clock = systemClock();
  for (const delay of [3.01, 3.5, 3.99]) {
    const start = clock.now();
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, delay));
    // Whole milliseconds are counted from a start that may itself be rounded: never more than one early.
    expect(clock.now() - start).toBeGreaterThan(delay - 1);
  }
});

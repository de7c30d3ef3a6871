import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TimerQueue, type ScheduledTimer } from "../../src/swim/timers.ts";

describe("TimerQueue", () => {
  it("fires timers by time, and timers of the same time in the order they were set", () => {
    const timers = new TimerQueue();
    const fired: string[] = [];
    for (const [at, name] of [
      [30, "c"],
      [10, "a1"],
      [20, "b"],
      [10, "a2"],
      [10, "a3"],
    ] as const) {
      timers.set(at, () => fired.push(name));
    }
    expect(timers.nextAt()).toBe(10);
    timers.fire(9);
    expect(fired).toEqual([]);
    timers.fire(20);
    expect(fired).toEqual(["a1", "a2", "a3", "b"]);
    expect(timers.size).toBe(1);
    timers.fire(1000);
    expect(fired.at(-1)).toBe("c");
    expect(timers.nextAt()).toBeUndefined();
  });

  it("fires timers that a callback sets for now or earlier in the same call, but no later ones", () => {
    const timers = new TimerQueue();
    const fired: string[] = [];
    timers.set(10, () => {
      timers.set(11, () => fired.push("later"));
      timers.set(10, () => fired.push("now"));
      timers.set(5, () => fired.push("past"));
    });
    timers.set(10, () => fired.push("set before"));
    timers.fire(10);
    expect(fired).toEqual(["past", "set before", "now"]);
    expect(timers.nextAt()).toBe(11);
  });

  it("does not fire cancelled timers, even if a callback at the same time cancels them", () => {
    const timers = new TimerQueue();
    const fired: string[] = [];
    timers.set(10, () => timers.cancel(victim));
    const victim = timers.set(10, () => fired.push("victim"));
    timers.set(10, () => fired.push("other"));
    timers.fire(10);
    expect(fired).toEqual(["other"]);
    expect(timers.size).toBe(0);
  });

  it("postpones a timer in order, unless it has fired or was cancelled", () => {
    const timers = new TimerQueue();
    const fired: string[] = [];
    const set = (at: number, name: string): ScheduledTimer => timers.set(at, () => fired.push(`${name} ${at}`));
    const [a, b] = [set(10, "a"), set(20, "b")];
    set(30, "c");
    timers.postpone(a, 15);
    expect(timers.nextAt()).toBe(20);
    timers.fire(24);
    expect(fired).toEqual(["b 20"]);
    timers.postpone(b, 100);
    timers.fire(25);
    expect(fired).toEqual(["b 20", "a 10"]);
    const gone = set(40, "gone");
    timers.cancel(gone);
    timers.postpone(gone, 5);
    timers.postpone(undefined, 5);
    expect(timers.size).toBe(1);
    timers.fire(1000);
    expect(fired).toEqual(["b 20", "a 10", "c 30"]);
  });

  it("accepts a cancel that is late, repeated or of no timer", () => {
    const timers = new TimerQueue();
    const timer = timers.set(1, () => undefined);
    timers.set(2, () => undefined);
    timers.fire(1);
    timers.cancel(timer);
    timers.cancel(timer);
    timers.cancel(undefined);
    expect(timers.size).toBe(1);
    expect(timers.nextAt()).toBe(2);
    const second = timers.set(3, () => undefined);
    timers.cancel(second);
    timers.cancel(second);
    expect(timers.size).toBe(1);
  });

  it("goes on with the rest after a callback that throws", () => {
    const timers = new TimerQueue();
    const fired: number[] = [];
    timers.set(1, () => {
      throw new Error("callback");
    });
    timers.set(2, () => fired.push(2));
    expect(() => timers.fire(5)).toThrow("callback");
    timers.fire(5);
    expect(fired).toEqual([2]);
    expect(timers.size).toBe(0);
  });

  it("clears all timers, also for owners that still hold one", () => {
    const timers = new TimerQueue();
    const held = timers.set(1, () => expect.unreachable());
    timers.clear();
    timers.cancel(held);
    expect(timers.size).toBe(0);
    timers.fire(10);
    timers.set(3, () => undefined);
    expect(timers.nextAt()).toBe(3);
  });

  it("frees cancelled timers before their time", () => {
    const timers = new TimerQueue();
    for (let i = 0; i < 10; i++) timers.set(1_000_000 + i, () => undefined);
    let compared = 0;
    const far: ScheduledTimer[] = [];
    for (let i = 0; i < 10_000; i++) {
      const timer = timers.set(2_000_000 + i, () => undefined);
      // The heap orders by `at`: how often it reads a cancelled timer shows whether it is still there.
      let at = timer.at;
      Object.defineProperty(timer, "at", {
        get: () => {
          if (timer.callback === undefined) compared++;
          return at;
        },
        set: (value: number) => {
          at = value;
        },
      });
      far.push(timer);
      timers.cancel(timer);
    }
    expect(timers.size).toBe(10);
    expect(far.every((timer) => timer.callback === undefined)).toBe(true);
    compared = 0;
    timers.fire(3_000_000);
    expect(timers.size).toBe(0);
    expect(compared).toBeLessThan(2000);
  });

  it("behaves like a sorted list", () => {
    const command = fc.oneof(
      { weight: 4, arbitrary: fc.record({ type: fc.constant("set" as const), value: fc.nat(50) }) },
      { weight: 2, arbitrary: fc.record({ type: fc.constant("cancel" as const), value: fc.nat(400) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant("fire" as const), value: fc.nat(8) }) },
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 400 }), (commands) => {
        const timers = new TimerQueue();
        const set: ScheduledTimer[] = [];
        let model: { at: number; id: number }[] = [];
        const fired: number[] = [];
        const expected: number[] = [];
        let now = 0;
        for (const { type, value } of commands) {
          if (type === "set") {
            const id = set.length;
            set.push(timers.set(now + value, () => fired.push(id)));
            model.push({ at: now + value, id });
          } else if (type === "cancel") {
            timers.cancel(set[value]);
            model = model.filter(({ id }) => id !== value);
          } else {
            now += value;
            const due = model.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at || a.id - b.id);
            model = model.filter(({ at }) => at > now);
            timers.fire(now);
            expected.push(...due.map(({ id }) => id));
          }
          expect(timers.size).toBe(model.length);
          expect(timers.nextAt()).toBe(model.length === 0 ? undefined : Math.min(...model.map(({ at }) => at)));
        }
        expect(fired).toEqual(expected);
      }),
    );
  });
});

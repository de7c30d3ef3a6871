import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Periodic, TimerQueue, type PeriodicOptions, type ScheduledTimer } from "../../src/swim/timers.ts";

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

  it("fires one timer at a time, however far ahead, and none if none is set", () => {
    const timers = new TimerQueue();
    const fired: string[] = [];
    timers.set(1000, () => fired.push("b"));
    timers.cancel(timers.set(5, () => fired.push("cancelled")));
    timers.set(10, () => fired.push("a"));
    timers.fireNext();
    expect([fired, timers.size]).toEqual([["a"], 1]);
    timers.fireNext();
    timers.fireNext();
    expect([fired, timers.size]).toEqual([["a", "b"], 0]);
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

  it("clears timers without an owner", () => {
    const timers = new TimerQueue();
    timers.set(1, () => expect.unreachable());
    timers.cancel(timers.set(2, () => expect.unreachable()));
    timers.clear();
    expect([timers.size, timers.nextAt()]).toEqual([0, undefined]);
    timers.fire(10);
  });

  it.each([
    [64, 10],
    [100, 100],
  ])("leaves the others alone when %i timers are cancelled beside %i", (cancelled, others) => {
    const timers = new TimerQueue();
    let reads = 0;
    for (let i = 0; i < others; i++) {
      const timer = timers.set(i, () => undefined);
      Object.defineProperty(timer, "at", {
        get: () => {
          reads++;
          return i;
        },
      });
    }
    const victims = Array.from({ length: cancelled }, (_, i) => timers.set(1_000 + i, () => undefined));
    reads = 0;
    for (const victim of victims) timers.cancel(victim);
    expect([reads, timers.size]).toEqual([0, others]);
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

describe("Periodic", () => {
  /** Repeated work that starts at 1000, with a delay of 30 and an interval of 100. */
  function started(options: Partial<PeriodicOptions> = {}): {
    readonly periodic: Periodic;
    readonly ticks: readonly number[];
    readonly timers: TimerQueue;
    /** Lets each timer fire at its time. */
    readonly advanceTo: (now: number) => void;
    /** Lets all due timers fire late. */
    readonly jumpTo: (now: number) => void;
  } {
    const timers = new TimerQueue();
    const context = { now: 1000, timers };
    const ticks: number[] = [];
    const tick = (): void => void ticks.push(context.now);
    const periodic = new Periodic({ context, delay: 30, interval: () => 100, tick, ...options });
    const advanceTo = (now: number): void => {
      for (let at = timers.nextAt(); at !== undefined && at <= now; at = timers.nextAt()) {
        context.now = at;
        timers.fire(at);
      }
      context.now = now;
    };
    const jumpTo = (now: number): void => {
      context.now = now;
      timers.fire(now);
    };
    return { periodic, ticks, timers, advanceTo, jumpTo };
  }

  it("ticks after the delay, and then at each interval, which may change", () => {
    let interval = 100;
    const { ticks, advanceTo } = started({ interval: () => interval });
    advanceTo(1229);
    expect(ticks).toEqual([1030, 1130]);
    interval = 10;
    advanceTo(1249);
    expect(ticks).toEqual([1030, 1130, 1230, 1240]);
  });

  it("keeps its rhythm after a late tick, and skips the ticks that were missed", () => {
    const { ticks, advanceTo, jumpTo } = started();
    jumpTo(1050);
    advanceTo(1130);
    expect(ticks).toEqual([1050, 1130]);
    // The next tick would be due right now: it is missed, too.
    jumpTo(1330);
    expect(ticks).toEqual([1050, 1130, 1330]);
    advanceTo(1429);
    expect(ticks).toHaveLength(3);
    advanceTo(1430);
    jumpTo(1999);
    advanceTo(2098);
    expect(ticks).toEqual([1050, 1130, 1330, 1430, 1999]);
    advanceTo(2099);
    expect(ticks.at(-1)).toBe(2099);
  });

  it("sets no timer while it has no work, and ticks again in its rhythm once it is woken", () => {
    let hasWork = true;
    const { periodic, ticks, timers, advanceTo } = started({ hasWork: () => hasWork });
    advanceTo(1129);
    hasWork = false;
    advanceTo(1130);
    expect([ticks, timers.size]).toEqual([[1030], 0]);
    hasWork = true;
    advanceTo(1355);
    periodic.wake();
    periodic.wake();
    expect([timers.size, timers.nextAt()]).toEqual([1, 1430]);
    advanceTo(1529);
    expect(ticks).toEqual([1030, 1430]);
  });

  it("waits for the next tick if it is woken at the time of one", () => {
    let hasWork = false;
    const { periodic, ticks, timers, advanceTo } = started({ hasWork: () => hasWork });
    advanceTo(1030);
    hasWork = true;
    periodic.wake();
    expect(timers.nextAt()).toBe(1130);
    advanceTo(1130);
    expect(ticks).toEqual([1130]);
  });

  it("ends for good when it is stopped, whether it sleeps or not", () => {
    const awake = started();
    awake.periodic.stop();
    awake.periodic.wake();
    awake.advanceTo(2000);
    expect([awake.ticks, awake.timers.size]).toEqual([[], 0]);
    const asleep = started({ hasWork: () => false });
    asleep.advanceTo(1030);
    asleep.periodic.stop();
    asleep.periodic.wake();
    expect(asleep.timers.size).toBe(0);
  });

  it("stops when its own tick stops it", () => {
    const ticks: number[] = [];
    const { periodic, timers, advanceTo } = started({
      tick: () => {
        ticks.push(1);
        periodic.stop();
      },
    });
    advanceTo(2000);
    expect([ticks, timers.size]).toEqual([[1], 0]);
  });
});

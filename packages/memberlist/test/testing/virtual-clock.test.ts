import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { settlePromises, VirtualClock } from "../../src/testing/virtual-clock.ts";

const sleep = (clock: VirtualClock, ms: number): Promise<void> => new Promise((resolve) => void clock.setTimeout(resolve, ms));

describe("VirtualClock", () => {
  it("runs timers by due time, and those of one instant in the order they were set", async () => {
    const clock = new VirtualClock({ start: 100 });
    const seen: string[] = [];
    const note =
      (name: string): (() => void) =>
      () =>
        void seen.push(`${name}@${clock.now()}`);
    clock.setTimeout(note("c"), 20);
    clock.setTimeout(note("a"), 10);
    clock.setTimeout(note("b"), 10);
    clock.setTimeout(note("now"), -5);
    clock.setTimeout(note("nan"), NaN);
    clock.defer(note("deferred"));
    await clock.advance(19);
    expect(seen).toEqual(["now@100", "nan@100", "deferred@100", "a@110", "b@110"]);
    expect([clock.now(), clock.pending, clock.nextAt]).toEqual([119, 1, 120]);
    await clock.advance(1);
    expect(seen.at(-1)).toBe("c@120");
    expect([clock.pending, clock.nextAt]).toEqual([0, undefined]);
  });

  it("runs timers that callbacks set within the time that passes", async () => {
    const clock = new VirtualClock();
    const ticks: number[] = [];
    const tick = (): void => {
      ticks.push(clock.now());
      clock.setTimeout(tick, 10);
    };
    clock.setTimeout(tick, 10);
    await clock.advance(35);
    expect(ticks).toEqual([10, 20, 30]);
    clock.advanceSync(5);
    expect(ticks).toEqual([10, 20, 30, 40]);
  });

  it("forgets a cleared timer, also one that is cleared at the same instant or twice", async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const second = { timer: undefined as unknown };
    clock.setTimeout(() => {
      seen.push("first");
      clock.clearTimeout(second.timer);
    }, 10);
    second.timer = clock.setTimeout(() => seen.push("second"), 10);
    const ran = clock.setTimeout(() => seen.push("third"), 10);
    await clock.advance(10);
    clock.clearTimeout(second.timer);
    clock.clearTimeout(ran);
    clock.clearTimeout(undefined);
    expect(seen).toEqual(["first", "third"]);
    expect(clock.pending).toBe(0);
  });

  it("lets async code make its way between timers", async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const loop = async (name: string, ms: number): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await sleep(clock, ms);
        for (let hop = 0; hop < 50; hop++) await Promise.resolve();
        seen.push(`${name}@${clock.now()}`);
      }
    };
    const both = Promise.all([loop("a", 10), loop("b", 15)]);
    await clock.advance(100);
    await both;
    expect(seen).toEqual(["a@10", "b@15", "a@20", "b@30", "a@30", "b@45"]);
  });

  it("settles promises that are pending before the first timer and after the last", async () => {
    const clock = new VirtualClock();
    let at = -1;
    const started = Promise.resolve().then(async () => {
      await sleep(clock, 10);
      at = clock.now();
    });
    await clock.advance(10);
    expect(at).toBe(10);
    await started;
  });

  it("lets Web Streams make their way, too", async () => {
    const clock = new VirtualClock();
    const { readable, writable } = new TransformStream<number, number>();
    const seen: string[] = [];
    const read = async (): Promise<void> => {
      for await (const item of readable) seen.push(`${item}@${clock.now()}`);
      seen.push(`end@${clock.now()}`);
    };
    const write = async (): Promise<void> => {
      const writer = writable.getWriter();
      for (const item of [1, 2, 3]) {
        await sleep(clock, 10);
        await writer.write(item);
      }
      await writer.close();
    };
    await clock.settle(Promise.all([read(), write()]));
    expect(seen).toEqual(["1@10", "2@20", "3@30", "end@30"]);
  });

  it("runs until a condition is true, and no further", async () => {
    const clock = new VirtualClock();
    let count = 0;
    const tick = (): void => {
      count++;
      clock.setTimeout(tick, 10);
    };
    tick();
    expect(await clock.runUntil(() => count === 4)).toBe(30);
    expect(await clock.runUntil(() => count === 4)).toBe(0);
    expect(clock.now()).toBe(30);
  });

  it("gives up at the limit", async () => {
    const clock = new VirtualClock();
    clock.setTimeout(() => {}, 5_000);
    await expect(clock.runUntil(() => false, { limit: 1_000 })).rejects.toMatchObject({
      code: "timeout",
      message: "the condition was not true within 1000 ms of virtual time; 1 timers wait",
    });
    expect(clock.now()).toBe(1_000);
    await expect(clock.settle(new Promise(() => {}), { limit: 10 })).rejects.toMatchObject({ code: "timeout" });
  });

  it("returns the value or the error of a promise", async () => {
    const clock = new VirtualClock();
    expect(await clock.settle(sleep(clock, 30_000).then(() => "done"))).toBe("done");
    expect(clock.now()).toBe(30_000);
    await expect(clock.settle(sleep(clock, 1).then(() => Promise.reject(new Error("failed"))))).rejects.toThrow("failed");
  });

  it("stops at a timer that throws, and can go on", async () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    clock.setTimeout(() => {
      throw new Error("thrown");
    }, 10);
    clock.setTimeout(() => seen.push(clock.now()), 20);
    await expect(clock.advance(50)).rejects.toThrow("thrown");
    expect(clock.now()).toBe(10);
    expect(() => clock.advanceSync(5)).not.toThrow();
    await clock.advance(5);
    expect(seen).toEqual([20]);
  });

  it("refuses to be advanced twice at once", async () => {
    const clock = new VirtualClock();
    const first = clock.advance(10);
    await expect(clock.advance(10)).rejects.toThrow("being advanced already");
    expect(() => clock.advanceSync(10)).toThrow("being advanced already");
    await first;
    expect(clock.now()).toBe(10);
  });

  it("gives the time of day", async () => {
    const clock = new VirtualClock({ start: 500, wallStart: 1_000_000 });
    await clock.advance(250);
    expect([clock.now(), clock.wallTime()]).toEqual([750, 1_000_250]);
    expect(new Date(new VirtualClock().wallTime()).toISOString()).toBe("2026-01-01T00:00:00.000Z");
  });

  it("keeps the order of any timers, set and cleared at any time", () => {
    const timer = fc.record({ delay: fc.integer({ min: 0, max: 20 }), clear: fc.boolean() });
    fc.assert(
      fc.property(fc.array(timer, { maxLength: 60 }), fc.integer({ min: 0, max: 25 }), (timers, ms) => {
        const clock = new VirtualClock();
        const ran: number[] = [];
        const handles = timers.map(({ delay }, id) => clock.setTimeout(() => ran.push(id), delay));
        timers.forEach(({ clear }, id) => clear && clock.clearTimeout(handles[id]));
        const kept = timers.map((each, id) => ({ ...each, id })).filter(({ clear }) => !clear);
        clock.advanceSync(ms);
        const due = kept.filter(({ delay }) => delay <= ms).toSorted((a, b) => a.delay - b.delay);
        expect(ran).toEqual(due.map(({ id }) => id));
        expect(clock.pending).toBe(kept.length - due.length);
      }),
    );
  });
});

describe("settlePromises", () => {
  it("resolves after every promise job that leads to another", async () => {
    let hops = 0;
    const hop = async (): Promise<void> => {
      for (; hops < 1_000; hops++) await Promise.resolve();
    };
    const hopping = hop();
    await settlePromises();
    expect(hops).toBe(1_000);
    await hopping;
  });
});

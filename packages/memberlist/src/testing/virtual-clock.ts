import { MemberlistError } from "../api/errors.ts";
import type { Clock, ClockTimer } from "../ports/clock.ts";
import { TimerQueue, type ScheduledTimer } from "../swim/timers.ts";

/** Where a {@link VirtualClock} starts. */
export interface VirtualClockOptions {
  /** The first value of `now()`, in ms. Default 0. */
  readonly start?: number;
  /** The first value of `wallTime()`, in ms since the Unix epoch. Default 2026-01-01T00:00:00Z. */
  readonly wallStart?: number;
  /** Resolves when no promise job is left; called between any two timers. Default: {@link settlePromises}, a macrotask. */
  readonly settle?: () => Promise<void>;
}

/** Bounds of a run of a {@link VirtualClock}. */
export interface RunOptions {
  /** How much virtual time may pass, in ms. Default 60,000. */
  readonly limit?: number;
}

const defaultLimit = 60_000;
const defaultWallStart: number = Date.UTC(2026, 0, 1);

/**
 * Time that passes only when a test says so. Timers run in the order of their due times, those of one instant in the order in
 * which they were set, and between any two of them every promise settles (with what it leads to: async functions, Web Streams,
 * iterators), so that asynchronous code makes the same progress in each run. What waits for the real world (sockets, threads,
 * WebCrypto) is not waited for.
 */
export class VirtualClock implements Clock {
  readonly #timers: TimerQueue = new TimerQueue();
  readonly #wallOffset: number;
  readonly #settle: () => Promise<void>;
  #now: number;
  #running = false;

  constructor(options: VirtualClockOptions = {}) {
    this.#now = options.start ?? 0;
    this.#wallOffset = (options.wallStart ?? defaultWallStart) - this.#now;
    this.#settle = options.settle ?? settlePromises;
  }

  /** The virtual time, in ms. */
  now(): number {
    return this.#now;
  }

  /** The virtual time, in ms since the Unix epoch. */
  wallTime(): number {
    return this.#now + this.#wallOffset;
  }

  /** A delay that is negative or not a number is 0. */
  setTimeout(callback: () => void, delay: number): ClockTimer {
    return this.#timers.set(this.#now + (delay > 0 ? delay : 0), callback);
  }

  /** See {@link Clock.clearTimeout}. */
  clearTimeout(timer: ClockTimer): void {
    this.#timers.cancel(timer as ScheduledTimer | undefined);
  }

  /** At this instant, after the timers that are already due now. */
  defer(callback: () => void): void {
    this.setTimeout(callback, 0);
  }

  /** How many timers and deferred callbacks wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** When the next one is due; undefined when none waits. */
  get nextAt(): number | undefined {
    return this.#timers.nextAt();
  }

  /**
   * Lets `ms` pass. What a timer throws rejects this, at the instant of that timer; the clock can go on from there.
   *
   * @throws MemberlistError `invalid_argument` for what is negative, infinite or not a number
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + checkedSpan(ms);
    await this.#exclusively(async () => {
      await this.#settle();
      while (this.#runNext(end)) await this.#settle();
      this.#now = end;
    });
  }

  /**
   * The same without letting promises settle: for code that is synchronous throughout (the engine, packets of a memory
   * network), at many times the speed.
   */
  advanceSync(ms: number): void {
    this.#assertIdle();
    const end = this.#now + checkedSpan(ms);
    this.#running = true;
    try {
      while (this.#runNext(end));
      this.#now = end;
    } finally {
      this.#running = false;
    }
  }

  /**
   * Lets time pass, timer by timer, until `condition` is true; not at all when it is already.
   *
   * @returns how long it took, in ms of virtual time
   * @throws MemberlistError `timeout` when it is not true after `limit`, which has passed then; `invalid_argument` for a limit that is not a time
   */
  async runUntil(condition: () => boolean, options: RunOptions = {}): Promise<number> {
    const limit = checkedSpan(options.limit ?? defaultLimit, Infinity);
    const start = this.#now;
    const end = start + limit;
    await this.#exclusively(async () => {
      await this.#settle();
      while (!condition()) {
        if (!this.#runNext(end)) {
          this.#now = end;
          const waiting = this.pending === 0 ? "no timer is set any more" : `${this.pending} timers wait`;
          throw new MemberlistError("timeout", `the condition was not true within ${limit} ms of virtual time; ${waiting}`, {
            details: { limit, pending: this.pending },
          });
        }
        await this.#settle();
      }
    });
    return this.#now - start;
  }

  /**
   * Lets time pass until `promise` is settled, and returns (or throws) what it is settled with:
   * `await clock.settle(members.join(seeds))`.
   *
   * @throws MemberlistError `timeout` when it is pending after `limit`
   */
  async settle<T>(promise: Promise<T>, options: RunOptions = {}): Promise<T> {
    let settled = false;
    const note = (): void => {
      settled = true;
    };
    promise.then(note, note);
    await this.runUntil(() => settled, options);
    return promise;
  }

  /** Runs the next timer that is due by `end`; false without such a timer. */
  #runNext(end: number): boolean {
    const at = this.#timers.nextAt();
    if (at === undefined || at > end) return false;
    this.#now = at;
    this.#timers.fireNext();
    return true;
  }

  async #exclusively(run: () => Promise<void>): Promise<void> {
    this.#assertIdle();
    this.#running = true;
    try {
      await run();
    } finally {
      this.#running = false;
    }
  }

  #assertIdle(): void {
    if (this.#running) throw new Error("this clock is being advanced already: two at once would be no order at all");
  }
}

/** Time that is to pass: with NaN for its end it would never have. */
function checkedSpan(ms: number, most: number = Number.MAX_VALUE): number {
  if (typeof ms === "number" && ms >= 0 && ms <= most) return ms;
  throw new MemberlistError("invalid_argument", `the time that passes must be a number of ms from 0; it is ${ms}`);
}

interface MacrotaskSources {
  readonly setImmediate?: (callback: () => void) => unknown;
  readonly setTimeout: (callback: () => void, delay: number) => unknown;
}

/**
 * Resolves when no promise job is left: runtimes finish all of them before the next macrotask. About 1 µs in Node; setImmediate
 * is in Node, Deno and Bun, and elsewhere a timer does the same, more slowly.
 */
export function settlePromises(): Promise<void> {
  const { setImmediate, setTimeout } = globalThis as unknown as MacrotaskSources;
  return new Promise((resolve) => {
    if (setImmediate === undefined) setTimeout(resolve, 0);
    else setImmediate(resolve);
  });
}

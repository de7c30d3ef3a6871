/** Time, as the core sees it: a monotonic clock and one-shot timers. Tests and the simulator bring a virtual one. */
export interface Clock {
  /** Monotonic, in ms; fractions are kept. Real transports stamp packets with `performance.now()`, which is the same clock. */
  now(): number;
  /** Milliseconds since the Unix epoch, for timestamps that people read. */
  wallTime(): number;
  /** Calls `callback` once, after `delay` ms. */
  setTimeout(callback: () => void, delay: number): ClockTimer;
  /** Cancels a timer. A timer that has fired, and undefined, are ignored. */
  clearTimeout(timer: ClockTimer): void;
  /** Runs `callback` after the input that is already waiting (a macrotask, not a microtask). */
  defer(callback: () => void): void;
}

/** An opaque handle of {@link Clock.setTimeout}. */
export type ClockTimer = unknown;

/** Resolves in a later turn of the event loop, after the input that is already waiting ({@link Clock.defer}). */
export type YieldToEventLoop = () => Promise<void>;

/** Resolves as {@link YieldToEventLoop} does. */
export function nextTurn(clock: Pick<Clock, "defer">): Promise<void> {
  return new Promise((resolve) => clock.defer(resolve));
}

/** The longest that timers of all runtimes can wait, in ms (24.8 days); they fire longer ones at once. */
export const maxTimerDelay: number = 2 ** 31 - 1;

interface Timers {
  readonly performance: { now(): number };
  readonly setTimeout: (callback: () => void, delay: number) => unknown;
  readonly clearTimeout: (timer: never) => void;
  readonly setImmediate?: (callback: () => void) => unknown;
}

/** A {@link Clock.wallTime} as the object that some libraries want. */
export function dateOf(wallTime: number): Date {
  return new Date(wallTime);
}

/** The runtime's own clock. */
export function systemClock(): Clock {
  const runtime = globalThis as unknown as Timers;
  const { performance, setImmediate } = runtime;
  return {
    now: () => performance.now(),
    wallTime: () => Date.now(),
    // Runtimes drop the fraction: the timer would be early, and what it is for would have to wait once more.
    setTimeout: (callback, delay) => runtime.setTimeout(callback, Math.ceil(delay)),
    clearTimeout: (timer) => runtime.clearTimeout(timer as never),
    defer:
      setImmediate === undefined ? (callback) => void runtime.setTimeout(callback, 0) : (callback) => void setImmediate(callback),
  };
}

import type { Clock } from "../ports/clock.ts";

/** Calls a function in an async context that was captured before: the result of `AsyncLocalStorage.snapshot()`. */
export type InContext = <T>(run: () => T) => T;

/**
 * A clock that runs all callbacks in one async context. A runtime runs a timer's callback in the context of the code that set the timer. A
 * member has one timer, which any call may set: without this clock, delegates would run in the context of an unrelated call, such as a
 * request, and keep that context alive.
 */
export function contextClock(clock: Clock, inContext: InContext): Clock {
  return {
    now: () => clock.now(),
    wallTime: () => clock.wallTime(),
    setTimeout: (callback, delay) => inContext(() => clock.setTimeout(callback, delay)),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    defer: (callback) => inContext(() => clock.defer(callback)),
  };
}

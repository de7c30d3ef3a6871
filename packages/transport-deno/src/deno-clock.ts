import { type Clock } from "@memberlist/core";
import { systemClock } from "@memberlist/core/transport";

/** For how long deferred callbacks may follow each other before the event loop polls for input, in ms. */
const pollEvery = 4;
/** After so many ms without a deferred callback the event loop has polled by itself: no piece of work takes as long. */
const idleAfter = 25;

/**
 * The system clock, with a `defer` that lets input have its turn. While immediates follow each other, Deno's event loop polls sockets only after about 120 of
 * them: work in parts of 2 ms would leave a ping unanswered for 240 ms. Deno polls whenever it waits for a timer, so every few ms a timer takes the
 * place of an immediate.
 *
 * @param clock the clock underneath
 */
export function denoClock(clock: Clock = systemClock()): Clock {
  // The last time that the event loop is known to have polled, and that a deferred callback ran.
  let polledAt = -Infinity;
  let ranAt = -Infinity;
  return {
    now: () => clock.now(),
    wallTime: () => clock.wallTime(),
    setTimeout: (callback, delay) => clock.setTimeout(callback, delay),
    clearTimeout: (timer) => clock.clearTimeout(timer),
    defer: (callback) => {
      const now = clock.now();
      if (now - ranAt >= idleAfter) polledAt = now;
      if (now - polledAt < pollEvery) {
        clock.defer(() => {
          ranAt = clock.now();
          callback();
        });
      } else {
        clock.setTimeout(() => {
          polledAt = ranAt = clock.now();
          callback();
        }, 0);
      }
    },
  };
}

import { nextTick } from "node:process";
import { settlePromises } from "@memberlist/core/testing";

/** After so many ticks the event loop has its turn: an end of the process must not wait for the end of a run. */
const turnEvery = 64;
const done = Promise.resolve();
let ticks = 0;

/**
 * Resolves when no promise job is left, without a turn of the event loop, which would cost some µs: runtimes finish all promise jobs before the
 * next tick. What is done by `setImmediate`, or by ticks of its own, is not waited for: for experiments without an application.
 */
export function settleByTicks(): Promise<void> {
  if (++ticks % turnEvery === 0) return settlePromises();
  // Out of a promise job: a tick that is asked for outside of one would come before the jobs.
  return new Promise((resolve) => void done.then(() => nextTick(resolve)));
}

import { checkOptions } from "../api/check-arguments.ts";
import { MemberlistError } from "../api/errors.ts";
import { checkSeeds, type Seed } from "../api/seeds.ts";
import type { Memberlist } from "../memberlist.ts";
import { systemClock, type Clock } from "../ports/clock.ts";
import { onAbort } from "../util/on-abort.ts";
import { abortSignal, duration, type Rules } from "../util/value-rules.ts";
import { joinPersistently } from "./join-persistently.ts";

/** The signals that stop a process in good order. */
export type StopSignal = "SIGINT" | "SIGTERM";

/** The signals of the runtime's process. */
export interface SignalHost {
  /** Calls `listener` at each of the two signals, which then do not end the process. The returned function stops that. */
  onSignal(listener: (signal: StopSignal) => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}

/** Options of `runUntilSignal`. */
export interface RunOptions {
  /** Joins these seeds in the background, and tries again until one answers. Without seeds, call `join` yourself. */
  readonly seeds?: readonly Seed[];
  /** Stops the member as SIGTERM does. */
  readonly signal?: AbortSignal;
  /** How long the leave may take, in ms. Members that do not receive it detect the end by probing. Default 5 s. */
  readonly leaveTimeout?: number;
  /** How long the shutdown may take after the leave, in ms. Default 5 s. */
  readonly shutdownTimeout?: number;
}

const runRules: Rules<RunOptions> = {
  seeds: { expected: "a list of seeds", accepts: Array.isArray },
  signal: abortSignal,
  leaveTimeout: duration,
  shutdownTimeout: duration,
};

const exitCodes: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

/** A terminal and a package manager may both deliver one Ctrl-C: a signal within this time of the first, in ms, counts as the same one. */
const sameSignalTime = 500;

/**
 * Runs a member until SIGTERM or SIGINT, then leaves and shuts down, each within its time limit. A second signal ends the process at once.
 *
 * @returns the signal; undefined if `options.signal`, or a shutdown by other code, ended the run
 * @throws JoinError if a seed refuses (after the leave and the shutdown)
 * @throws MemberlistError `invalid_argument`; `timeout` if the shutdown takes too long
 */
export async function runUntilStopped(
  members: Memberlist,
  options: RunOptions,
  host: SignalHost,
  clock: Clock = systemClock(),
): Promise<StopSignal | undefined> {
  checkOptions("runUntilSignal", options, runRules);
  const { seeds = [], signal, leaveTimeout = 5_000, shutdownTimeout = 5_000 } = options;
  checkSeeds(seeds);
  const stop = new AbortController();
  let first: StopSignal | undefined;
  let firstAt = 0;
  const stopListening = host.onSignal((name) => {
    if (first !== undefined) {
      if (clock.now() - firstAt > sameSignalTime) host.exit(exitCodes[name]);
      return;
    }
    first = name;
    firstAt = clock.now();
    stop.abort();
  });
  const detach = signal === undefined ? undefined : onAbort(signal, () => stop.abort());
  if (signal?.aborted === true) stop.abort();
  try {
    const joined = seeds.length > 0 ? joinPersistently(members, seeds, { signal: stop.signal, clock }) : undefined;
    await Promise.all([untilShutdown(members, stop.signal), joined]);
  } finally {
    // Ends the iterator of events, too.
    stop.abort();
    detach?.();
    try {
      await members.leave({ timeout: leaveTimeout }).catch(() => undefined);
      await within(shutdownTimeout, members.shutdown(), clock);
    } finally {
      stopListening();
    }
  }
  return first;
}

/** Resolves when the member is shut down, or the signal is aborted. */
async function untilShutdown(members: Memberlist, signal: AbortSignal): Promise<void> {
  const events = members.events({ signal, capacity: 1_024 })[Symbol.asyncIterator]();
  while ((await events.next()).done !== true);
}

/** @throws MemberlistError `timeout`; else the error of the promise */
async function within(ms: number, promise: Promise<void>, clock: Clock): Promise<void> {
  let timer: unknown;
  const late = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => reject(new MemberlistError("timeout", `the shutdown took longer than ${ms} ms`)), ms);
  });
  await Promise.race([promise, late]).finally(() => clock.clearTimeout(timer));
}

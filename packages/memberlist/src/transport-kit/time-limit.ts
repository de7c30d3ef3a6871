import type { ErrorCode } from "../api/errors.ts";
import { systemClock, type Clock, type ClockTimer } from "../ports/clock.ts";
import { onAbort } from "../util/on-abort.ts";

/** The limits of one attempt. */
export interface AttemptLimits {
  /** In ms. */
  readonly timeout: number;
  /** The caller's. */
  readonly signal?: AbortSignal;
  /** Aborted by a shutdown of the transport. */
  readonly stop: AbortSignal;
}

/** An attempt was ended by one of its limits. */
export class AttemptEnded extends Error {
  readonly code: Extract<ErrorCode, "timeout" | "aborted" | "shutdown">;

  constructor(code: AttemptEnded["code"], cause?: unknown) {
    super(code, { cause });
    this.code = code;
  }
}

/**
 * Runs `attempt` with a signal that is aborted when the first limit is reached.
 *
 * @throws AttemptEnded at once, without waiting for the attempt, which has to clean up its own late result; else what the attempt throws
 */
export async function withLimits<T>(limits: AttemptLimits, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeout, signal, stop } = limits;
  if (stop.aborted) throw new AttemptEnded("shutdown");
  if (signal?.aborted === true) throw new AttemptEnded("aborted", signal.reason);
  const clock = systemClock();
  const giveUp = new AbortController();
  let release = (): void => undefined;
  const ended = new Promise<never>((_, reject) => {
    const end = (error: AttemptEnded): void => {
      reject(error);
      giveUp.abort();
    };
    const aborted = (): void => end(new AttemptEnded("aborted", signal?.reason));
    const stopped = (): void => end(new AttemptEnded("shutdown"));
    const timer = clock.setTimeout(() => end(new AttemptEnded("timeout")), timeout);
    const listening = [onAbort(stop, stopped), ...(signal === undefined ? [] : [onAbort(signal, aborted)])];
    release = () => {
      clock.clearTimeout(timer);
      for (const stopListening of listening) stopListening();
    };
  });
  try {
    return await Promise.race([ended, attempt(giveUp.signal)]);
  } finally {
    release();
  }
}

/** The result of {@link atMost} if the promise takes longer. */
export const late: unique symbol = Symbol("late");

/** Waits for a promise that does not reject, for at most `ms`. */
export async function atMost<T>(ms: number, promise: Promise<T>, clock: Clock = systemClock()): Promise<T | typeof late> {
  let timer: ClockTimer = undefined;
  const tooLate = new Promise<typeof late>((resolve) => {
    timer = clock.setTimeout(() => resolve(late), ms);
  });
  const result = await Promise.race([promise, tooLate]);
  clock.clearTimeout(timer);
  return result;
}

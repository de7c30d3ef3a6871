import type { ErrorCode } from "@memberlist/core";
import { onAbort } from "@memberlist/core/internal";

/** What ends an attempt early. */
export interface AttemptLimits {
  /** In ms. */
  readonly timeout: number;
  /** The caller's. */
  readonly signal?: AbortSignal;
  /** Aborted by a shutdown of the transport. */
  readonly stop: AbortSignal;
}

/** Why an attempt was ended early. */
export class AttemptEnded extends Error {
  readonly code: Extract<ErrorCode, "timeout" | "aborted" | "shutdown">;

  constructor(code: AttemptEnded["code"], cause?: unknown) {
    super(code, { cause });
    this.code = code;
  }
}

/**
 * Runs `attempt` with a signal that is aborted when it has to end early.
 *
 * @throws AttemptEnded without waiting for the attempt, whose late outcome is for `attempt` itself to clean up; else what it throws
 */
export async function withLimits<T>(limits: AttemptLimits, attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { timeout, signal, stop } = limits;
  if (stop.aborted) throw new AttemptEnded("shutdown");
  if (signal?.aborted === true) throw new AttemptEnded("aborted", signal.reason);
  const giveUp = new AbortController();
  let release = (): void => undefined;
  const ended = new Promise<never>((_, reject) => {
    const end = (error: AttemptEnded): void => {
      reject(error);
      giveUp.abort();
    };
    const aborted = (): void => end(new AttemptEnded("aborted", signal?.reason));
    const stopped = (): void => end(new AttemptEnded("shutdown"));
    const timer = setTimeout(() => end(new AttemptEnded("timeout")), timeout);
    const listening = [onAbort(stop, stopped), ...(signal === undefined ? [] : [onAbort(signal, aborted)])];
    release = () => {
      clearTimeout(timer);
      for (const stopListening of listening) stopListening();
    };
  });
  try {
    return await Promise.race([ended, attempt(giveUp.signal)]);
  } finally {
    release();
  }
}

/** Waits for what does not reject, but not for longer than that. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

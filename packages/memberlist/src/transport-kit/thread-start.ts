import { errorMessage, MemberlistError } from "../api/errors.ts";
import type { MemberThread } from "../thread/thread-port.ts";
import { AttemptEnded, withLimits } from "./time-limit.ts";

/** How long the program of a thread may take until it runs, in ms. */
const startTimeout = 30_000;

/** What the program of a thread posts first. */
export const threadReady = "ready";

export interface ThreadStart {
  readonly thread: MemberThread;
  /** The program. */
  readonly file: URL;
  /** Resolves with the first message of the thread. */
  readonly firstMessage: Promise<unknown>;
  /** How to bundle the program of the transport package. */
  readonly bundleAdvice: string;
  /** In ms; default 30 s. */
  readonly timeout: number | undefined;
}

/**
 * Waits until the program of a thread runs. Ends the thread if that fails.
 *
 * @throws MemberlistError `thread_unavailable`
 */
export async function threadStarted(start: ThreadStart): Promise<MemberThread> {
  const { thread, file, firstMessage, bundleAdvice, timeout = startTimeout } = start;
  const ended = thread.ended.then((cause) => Promise.reject(threadUnavailable(`its program ${file.href} has ended`, cause)));
  const noStop = new AbortController().signal;
  try {
    const message = await withLimits({ timeout, stop: noStop }, () => Promise.race([firstMessage, ended]));
    if (message === threadReady) return thread;
    throw threadUnavailable(`${file.href} is not the program of a member's thread: ${bundleAdvice}`);
  } catch (error) {
    await thread.terminate();
    if (!(error instanceof AttemptEnded)) throw error;
    throw threadUnavailable(`its program ${file.href} did not report within ${timeout / 1_000} s that it runs: ${bundleAdvice}`);
  }
}

export function threadUnavailable(reason: string, cause?: unknown): MemberlistError {
  const detail = cause === undefined ? "" : ` (${errorMessage(cause)})`;
  return new MemberlistError("thread_unavailable", `the member's thread did not start: ${reason}${detail}`, { cause });
}

import { MemberlistError } from "../api/errors.ts";
import { onAbort } from "../util/on-abort.ts";
import type { WaitOptions } from "../api/call-options.ts";
import { maxTimerDelay, type Clock } from "../ports/clock.ts";

export interface OperationOptions extends WaitOptions {
  /** The name of the operation, for the error's message. */
  readonly what: string;
  /** How far it has got, for the message of a timeout: `there are 3`. */
  readonly soFar?: () => string;
  /** Whether the operation goes on even if the wait fails: then every error of the wait has `stateChanged`. */
  readonly stateChanged?: boolean;
}

/** All pending operations: each ends by its result, its timeout, its signal, or {@link endAll}. */
export class PendingOperations {
  readonly #clock: Clock;
  readonly #rejects: Set<(error: MemberlistError) => void> = new Set();
  #ended: MemberlistError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param options a `timeout` of 0, none, or more than a timer can wait (2³¹ − 1 ms): without end
   * @param start begins the work; may return a function that is called once the wait is over, however it ended
   * @throws MemberlistError `timeout`, `aborted`, or whatever {@link endAll} was given
   */
  run<T>(
    options: OperationOptions,
    start: (resolve: (value: T) => void, reject: (error: unknown) => void) => (() => void) | void,
  ): Promise<T> {
    const { what, soFar, timeout, signal, stateChanged } = options;
    return new Promise<T>((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      if (signal?.aborted === true) {
        reject(aborted(what, signal, false));
        return;
      }
      let isOver = false;
      let cleanUp: (() => void) | void = undefined;
      const end = (settle: () => void): void => {
        if (isOver) return;
        isOver = true;
        if (timer !== undefined) this.#clock.clearTimeout(timer);
        stopListening?.();
        this.#rejects.delete(ended);
        cleanUp?.();
        settle();
      };
      const fail = (error: unknown): void => end(() => reject(error));
      const ended = (error: MemberlistError): void => fail(stateChanged === true ? afterChange(error) : error);
      const onTimeout = (): void => {
        const ending = soFar === undefined ? "" : `: ${soFar()}`;
        fail(
          new MemberlistError("timeout", `${what} took longer than ${Math.max(1, Math.round(timeout ?? 0))} ms${ending}`, {
            details: { timeout },
            stateChanged,
          }),
        );
      };
      const isBounded = timeout !== undefined && timeout > 0 && timeout <= maxTimerDelay;
      const timer = isBounded ? this.#clock.setTimeout(onTimeout, timeout) : undefined;
      const stopListening = signal && onAbort(signal, () => fail(aborted(what, signal, stateChanged)));
      this.#rejects.add(ended);
      try {
        cleanUp = start((value) => end(() => resolve(value)), fail);
        // It may have ended before it could say how to clean up.
        if (isOver) cleanUp?.();
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Ends every wait, now and from now on. */
  endAll(error: MemberlistError): void {
    this.#ended = error;
    for (const reject of this.#rejects) reject(error);
  }
}

function afterChange({ code, message, cause, details }: MemberlistError): MemberlistError {
  return new MemberlistError(code, message, { cause, details, stateChanged: true });
}

function aborted(what: string, signal: AbortSignal, stateChanged: boolean | undefined): MemberlistError {
  return new MemberlistError("aborted", `${what} was aborted`, { cause: signal.reason, stateChanged });
}

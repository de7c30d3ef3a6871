import { MemberlistError } from "../api/errors.ts";
import type { YieldToEventLoop } from "../ports/clock.ts";

/** Whether a caller still waits for the result of some work. */
export type IsWanted = () => boolean;

/**
 * Work that is done one after the other: what each holds meanwhile is held once. No two begin in one turn of the event loop: much of it is one piece that
 * waits for nothing (a megabyte to decrypt, by keys that do not fit), and a queue of these would be one piece, too.
 */
export class SerialQueue {
  readonly #yieldToEventLoop: YieldToEventLoop;
  #last: Promise<unknown> = Promise.resolve();
  /** Work has begun in this turn of the event loop. */
  #hasBegun = false;

  /** @param yieldToEventLoop between the parts of some work; what has its turn meanwhile is another turn of the event loop */
  constructor(yieldToEventLoop: YieldToEventLoop) {
    this.#yieldToEventLoop = yieldToEventLoop;
  }

  /**
   * @param work in parts, between which it awaits what it is given
   * @throws MemberlistError `aborted` as soon as no caller waits for it any more
   */
  take<T>(isWanted: IsWanted, work: (yieldToEventLoop: YieldToEventLoop) => Promise<T>): Promise<T> {
    const check = (): void => {
      if (!isWanted()) throw new MemberlistError("aborted", "cancelled: the stream was closed");
    };
    const turn = this.#last.then(async () => {
      while (this.#hasBegun) await this.#yieldToEventLoop();
      check();
      this.#begin();
      return work(async () => {
        await this.#yieldToEventLoop();
        check();
      });
    });
    // Without the result, which may be 40 MiB, and would be kept until the next work ends.
    this.#last = turn.then(ignore, ignore);
    return turn;
  }

  #begin(): void {
    this.#hasBegun = true;
    this.#yieldToEventLoop().then(
      () => (this.#hasBegun = false),
      () => undefined,
    );
  }
}

function ignore(): void {
  // Only that the work is over matters to the next.
}

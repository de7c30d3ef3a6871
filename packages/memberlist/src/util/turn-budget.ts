import type { YieldToEventLoop } from "../ports/clock.ts";
import { Fifo } from "./fifo.ts";

/** Nodes of a push/pull that are read, written or merged before it yields to the event loop: 1 to 5 ms of work. */
export const nodesInOneGo: number = 500;

/**
 * Limits the work of one kind in a turn of the event loop, however many streams want some at once. Work that finds the budget of the current turn spent
 * waits for a later turn, first come, first served.
 */
export class TurnBudget {
  readonly #limit: number;
  readonly #yieldToEventLoop: YieldToEventLoop;
  readonly #waiting: Fifo<() => void> = new Fifo();
  #spent = 0;
  #resetsSoon = false;

  /**
   * @param limit A piece of work starts only while less than this is spent in the turn; that piece may go over the limit.
   * @param yieldToEventLoop resolves in another turn
   */
  constructor(limit: number, yieldToEventLoop: YieldToEventLoop) {
    this.#limit = limit;
    this.#yieldToEventLoop = yieldToEventLoop;
  }

  /**
   * Runs `work` now, or in a later turn.
   *
   * @param work synchronous; it reports its cost to {@link spend}
   * @returns the result of `work`, or a promise of it if `work` has to wait
   * @throws the error of `work`; the promise rejects with the same error
   */
  run<T>(work: () => T): T | Promise<Awaited<T>> {
    if (this.#waiting.size === 0 && this.#spent < this.#limit) return work();
    return new Promise<Awaited<T>>((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(work() as Awaited<T>);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Adds to the cost of this turn. */
  spend(cost: number): void {
    this.#spent += cost;
    if (this.#resetsSoon) return;
    this.#resetsSoon = true;
    this.#yieldToEventLoop().then(this.#beginTurn, this.#beginTurn);
  }

  readonly #beginTurn = (): void => {
    this.#resetsSoon = false;
    this.#spent = 0;
    while (this.#spent < this.#limit) {
      const work = this.#waiting.shift();
      if (work === undefined) return;
      work();
    }
  };
}

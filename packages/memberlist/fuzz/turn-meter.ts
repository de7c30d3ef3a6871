import { readFileSync } from "node:fs";
import { settlePromises } from "../src/testing/index.ts";

/** The time that this thread has had on a CPU, in ms. Linux only: elsewhere all time that passes. */
export function threadTime(): number {
  if (process.platform !== "linux") return performance.now();
  const [used] = readFileSync("/proc/thread-self/schedstat", "utf8").split(" ");
  return Number(used) / 1e6;
}

/** How long turns of the event loop take: a timer of the virtual clock, with all promise jobs that it leads to, is one. */
export class TurnMeter {
  readonly #time: () => number;
  #since: number;
  #longest = 0;
  #total = 0;

  /** @param time in ms */
  constructor(time: () => number) {
    this.#time = time;
    this.#since = time();
  }

  /** The `settle` of a virtual clock. */
  readonly settle = async (): Promise<void> => {
    await settlePromises();
    this.#look();
  };

  /** Starts the measurement, and forgets earlier turns. */
  start(): void {
    this.#since = this.#time();
    this.#longest = 0;
    this.#total = 0;
  }

  /** Since {@link start}, in ms. */
  end(): { readonly longest: number; readonly total: number } {
    this.#look();
    return { longest: this.#longest, total: this.#total };
  }

  #look(): void {
    const now = this.#time();
    const turn = now - this.#since;
    this.#since = now;
    this.#longest = Math.max(this.#longest, turn);
    this.#total += turn;
  }
}

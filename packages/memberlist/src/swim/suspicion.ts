import type { SuspectCause } from "../api/causes.ts";
import type { ScheduledTimer } from "./timers.ts";

/**
 * How long a suspicion still runs, in ms (negative: its time is past). Source: PROTOCOL.md section 5, the Lifeguard paper.
 *
 * @param confirmations from distinct peers, other than the first accuser; at most `k`
 * @param k the confirmations that bring the timeout down to `min`; at least 1
 */
export function remainingSuspicionTime(confirmations: number, k: number, elapsed: number, min: number, max: number): number {
  const fraction = Math.log(confirmations + 1) / Math.log(k + 1);
  const timeout = Math.floor(max - fraction * (max - min));
  return Math.max(timeout, min) - elapsed;
}

export interface SuspicionOptions {
  /** The first accuser; its further accusations confirm nothing. */
  readonly from: string;
  /** How we know. */
  readonly cause: SuspectCause;
  readonly k: number;
  readonly min: number;
  readonly max: number;
  readonly startedAt: number;
}

/** One running suspicion: its accusers and its end. Its owner sets the timer. */
export class Suspicion {
  readonly cause: SuspectCause;
  readonly k: number;
  startedAt: number;
  /** The timer that ends it; kept here so that it goes where the suspicion goes. */
  timer: ScheduledTimer | undefined;
  readonly #min: number;
  readonly #max: number;
  readonly #accusers: Set<string>;

  constructor(options: SuspicionOptions) {
    this.cause = options.cause;
    this.k = options.k;
    this.startedAt = options.startedAt;
    this.#min = options.min;
    this.#max = options.max;
    this.#accusers = new Set([options.from]);
  }

  /** The first one first. */
  get accusers(): readonly string[] {
    return [...this.#accusers];
  }

  get confirmations(): number {
    return this.#accusers.size - 1;
  }

  /** Counts an accusation by `from`. @returns whether it counts: its accuser is new, and confirmations are still wanted */
  confirm(from: string): boolean {
    if (this.confirmations >= this.k || this.#accusers.has(from)) return false;
    this.#accusers.add(from);
    return true;
  }

  /** Leaves out `ms` of the time that has passed. */
  postpone(ms: number): void {
    this.startedAt += ms;
  }

  /** When it ends, in ms on the clock of `startedAt`. */
  endsAt(): number {
    if (this.k < 1) return this.startedAt + this.#min;
    return this.startedAt + remainingSuspicionTime(this.confirmations, this.k, 0, this.#min, this.#max);
  }
}

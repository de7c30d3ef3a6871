import type { Clock, ClockTimer } from "../ports/clock.ts";
import { maxTimerDelay } from "./waits.ts";

/** A timer that fires this much after its time says that the process was held up, in ms. */
const lateTimer = 20;

export interface AlarmOptions {
  readonly clock: Clock;
  /** False: it does not matter how late it fires. */
  readonly lagAwareness: boolean;
  readonly onTime: () => void;
  /** It fired `late` ms after its time; what was waiting to be read meanwhile has been read. */
  readonly onLate: (late: number) => void;
}

/** The one real timer of a member: set for the engine's next deadline, whatever that is for. */
export class Alarm {
  readonly #options: AlarmOptions;
  #timer: ClockTimer = undefined;
  #at = Infinity;

  constructor(options: AlarmOptions) {
    this.#options = options;
  }

  /** @param at when it is to fire, in ms on the clock; Infinity for never */
  set(at: number): void {
    if (at === this.#at) return;
    this.clear();
    if (at === Infinity) return;
    const { clock } = this.#options;
    this.#at = at;
    const delay = Math.min(Math.max(at - clock.now(), 0), maxTimerDelay);
    this.#timer = clock.setTimeout(() => this.#fired(at), delay);
  }

  clear(): void {
    if (this.#at !== Infinity) this.#options.clock.clearTimeout(this.#timer);
    this.#at = Infinity;
  }

  #fired(at: number): void {
    this.#at = Infinity;
    const { clock, lagAwareness, onLate, onTime } = this.#options;
    const late = clock.now() - at;
    if (late < lateTimer || !lagAwareness) {
      onTime();
      return;
    }
    // The process was held up. What came meanwhile is still unread: an ack, or a refutation, that is not late at all must
    // be heard before a timer passes its verdict.
    clock.defer(() => onLate(late));
  }
}

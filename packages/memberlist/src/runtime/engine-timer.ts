import { maxTimerDelay, type Clock, type ClockTimer } from "../ports/clock.ts";

/** A timer that fires this much after its time says that the process was held up, in ms. */
const lateTimer = 20;
/** Runtimes count whole milliseconds: a timer may fire so much before its time. To wait once more for the rest would be to wake up twice. */
const earlyTimer = 1;

export interface EngineTimerOptions {
  readonly clock: Clock;
  /** False: it does not matter how late it fires. */
  readonly lagAwareness: boolean;
  /** What is due by `at` has its time: now, or up to 1 ms from now. */
  readonly onTime: (at: number) => void;
  /** It fired `late` ms after its time; what was waiting to be read meanwhile has been read. */
  readonly onLate: (late: number) => void;
}

/** The one real timer of a member: it fires for the engine's next deadline, whatever that is for. */
export class EngineTimer {
  readonly #options: EngineTimerOptions;
  #timer: ClockTimer = undefined;
  /** When it is to fire. */
  #at = Infinity;
  /** When the real timer does; Infinity where none is set. That is earlier where the deadline has moved back: a timer is not set anew for that. */
  #armedAt = Infinity;

  constructor(options: EngineTimerOptions) {
    this.#options = options;
  }

  /** @param at when it is to fire, in ms on the clock; Infinity for never */
  set(at: number): void {
    this.#at = at;
    if (at < this.#armedAt) this.#arm();
    else if (at === Infinity) this.clear();
  }

  clear(): void {
    this.#at = Infinity;
    this.#disarm();
  }

  #arm(): void {
    this.#disarm();
    const { clock } = this.#options;
    const delay = Math.min(Math.max(this.#at - clock.now(), 0), maxTimerDelay);
    this.#armedAt = this.#at;
    this.#timer = clock.setTimeout(() => this.#fired(), delay);
  }

  #disarm(): void {
    if (this.#armedAt !== Infinity) this.#options.clock.clearTimeout(this.#timer);
    this.#armedAt = Infinity;
  }

  #fired(): void {
    const { clock, lagAwareness, onLate, onTime } = this.#options;
    const at = this.#at;
    const late = clock.now() - at;
    const isMeant = this.#armedAt === at;
    this.#armedAt = Infinity;
    if (late < (isMeant ? -earlyTimer : 0)) {
      if (at !== Infinity) this.#arm();
      return;
    }
    this.#at = Infinity;
    if (late < lateTimer || !lagAwareness) {
      onTime(Math.max(at, clock.now()));
      return;
    }
    // The process was held up. What came meanwhile is still unread: an ack, or a refutation, that is not late at all must
    // be heard before a timer passes its verdict.
    clock.defer(() => onLate(late));
  }
}

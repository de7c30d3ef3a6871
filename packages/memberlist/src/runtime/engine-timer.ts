import { maxTimerDelay, type Clock, type ClockTimer } from "../ports/clock.ts";

/** A timer that fires this late, in ms, shows that the event loop was blocked. */
const lateTimer = 20;
/** How early a timer may fire, in ms, because runtimes count whole milliseconds. Waiting for the rest would wake the process twice. */
const earlyTimer = 1;

export interface EngineTimerOptions {
  readonly clock: Clock;
  /** False: late timers are handled like others. */
  readonly lagAwareness: boolean;
  /** Handles everything due by `at`, which is now or up to 1 ms from now. */
  readonly onTime: (at: number) => void;
  /** Called each time that the timer fires for its deadline, with how late it is, in ms. */
  readonly onLag: (late: number) => void;
  /** The timer fired `late` ms late. Input that arrived meanwhile has been read. */
  readonly onLate: (late: number) => void;
}

/** The only real timer of a member. It fires at the engine's next deadline. */
export class EngineTimer {
  readonly #options: EngineTimerOptions;
  #timer: ClockTimer = undefined;
  /** The deadline. */
  #at = Infinity;
  /** When the real timer fires; Infinity if none is set. A deadline that moves back does not reset the timer, so this may be earlier. */
  #armedAt = Infinity;

  constructor(options: EngineTimerOptions) {
    this.#options = options;
  }

  /** @param at the deadline, in ms on the clock; Infinity for never */
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
    const { clock, lagAwareness, onLag, onLate, onTime } = this.#options;
    const at = this.#at;
    const late = clock.now() - at;
    const isMeant = this.#armedAt === at;
    this.#armedAt = Infinity;
    if (late < (isMeant ? -earlyTimer : 0)) {
      if (at !== Infinity) this.#arm();
      return;
    }
    this.#at = Infinity;
    onLag(Math.max(late, 0));
    if (late < lateTimer || !lagAwareness) {
      onTime(Math.max(at, clock.now()));
      return;
    }
    // The event loop was blocked, and input that arrived in time is still unread. An ack or a refutation in it must be handled
    // before the timers.
    clock.defer(() => onLate(late));
  }
}

import { systemClock, type Clock, type ClockTimer } from "../ports/clock.ts";

/** In ms, after errors of a socket that is read or accepted from: doubling from the first to the last. Source: the Go transport. */
const firstDelay = 5;
const lastDelay = 1000;

/** The pauses of a loop that goes on after errors. */
export class Backoff {
  readonly #clock: Pick<Clock, "setTimeout" | "clearTimeout">;
  #delay = 0;
  #timer: ClockTimer = undefined;
  #resume: (() => void) | undefined;

  constructor(clock: Pick<Clock, "setTimeout" | "clearTimeout"> = systemClock()) {
    this.#clock = clock;
  }

  /** The length of the next pause, in ms. */
  next(): number {
    this.#delay = this.#delay === 0 ? firstDelay : Math.min(this.#delay * 2, lastDelay);
    return this.#delay;
  }

  /** After a success: the next pause is a short one again. */
  reset(): void {
    this.#delay = 0;
  }

  /** Resolves after the pause that {@link next} gave, or at {@link end}. */
  pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
      this.#timer = this.#clock.setTimeout(resolve, this.#delay);
    });
  }

  /** Ends a pause early. */
  end(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#resume?.();
  }
}

/** The interval of the timer, in ms. */
const interval = 20;

/** Measures how late the timers of this process are, which limits how exactly it can measure others. */
export class LagWatch {
  #worst = 0;
  #due = performance.now() + interval;
  readonly #timer = setInterval(() => {
    const now = performance.now();
    this.#worst = Math.max(this.#worst, now - this.#due);
    this.#due = now + interval;
  }, interval);

  /** Stops, and returns the longest delay in ms. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#worst;
  }
}

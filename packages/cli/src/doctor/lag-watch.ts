/** How often the event loop is looked at, in ms. */
const interval = 20;

/** Measures how late the timers of this process are: what it finds out about others is not better than that. */
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

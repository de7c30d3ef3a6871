/** The allowed burst, and then the interval between further events, in ms. */
const burst = 10;
const refillMs = 1_000;

/** Lets ten through at once and then one a second, and counts those that it does not. */
export class RateLimit {
  #tokens = burst;
  #filledAt: number;
  #suppressed = 0;

  /** @param now in ms */
  constructor(now: number) {
    this.#filledAt = now;
  }

  /** Takes a token. Returns how many calls got none since the last token; undefined if this call gets none. */
  take(now: number): number | undefined {
    const earned = Math.floor((now - this.#filledAt) / refillMs);
    if (earned > 0) {
      this.#tokens = Math.min(burst, this.#tokens + earned);
      this.#filledAt += earned * refillMs;
    }
    if (this.#tokens === 0) {
      this.#suppressed++;
      return undefined;
    }
    // A full bucket earns nothing while it is full: the second counts from the first one taken.
    if (this.#tokens === burst) this.#filledAt = now;
    this.#tokens--;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}

/**
 * This node's idea of its own health (Lifeguard's local health multiplier): 0 is healthy, at most
 * `awarenessMaxMultiplier` - 1. Source: PROTOCOL.md section 6.
 */
export class Awareness {
  readonly #max: number;
  #score = 0;

  /** @param max `awarenessMaxMultiplier` */
  constructor(max: number) {
    this.#max = max;
  }

  get score(): number {
    return this.#score;
  }

  /** @returns whether the score changed */
  applyDelta(delta: number): boolean {
    const before = this.#score;
    this.#score = Math.min(Math.max(before + delta, 0), this.#max - 1);
    return this.#score !== before;
  }

  /** A timeout in ms, longer the worse our health is. */
  scaleTimeout(timeout: number): number {
    return timeout * (this.#score + 1);
  }
}

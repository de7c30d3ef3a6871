/** Says on standard error how far the work is, and about how long it still takes; every five seconds, or on each change on a terminal. */
export class Progress {
  readonly #what: string;
  readonly #total: number;
  readonly #start: number = performance.now();
  #done = 0;
  #shownAt = 0;

  constructor(what: string, total: number) {
    this.#what = what;
    this.#total = total;
  }

  /** In s, since the start. */
  get elapsed(): number {
    return (performance.now() - this.#start) / 1000;
  }

  step(): void {
    this.#done++;
    const { isTTY } = process.stderr;
    const interval = isTTY ? 0.2 : 5;
    if (this.elapsed - this.#shownAt < interval && this.#done < this.#total) return;
    this.#shownAt = this.elapsed;
    const left = (this.elapsed / this.#done) * (this.#total - this.#done);
    const rest = this.#done < this.#total ? `, about ${span(left)} left` : "";
    const line = `${this.#what}: ${this.#done} of ${this.#total}, ${span(this.elapsed)}${rest}`;
    process.stderr.write(isTTY ? `\r${line}\u001b[K${this.#done === this.#total ? "\n" : ""}` : `${line}\n`);
  }
}

/** Seconds, as somebody who waits would say it. */
function span(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 120) return `${whole} s`;
  if (whole < 7_200) return `${Math.round(whole / 60)} min`;
  return `${(whole / 3_600).toFixed(1)} h`;
}

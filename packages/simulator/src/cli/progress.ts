/** Says on standard error how far the work is, and about how long it still takes; every five seconds, or on each change on a terminal. */
export class Progress {
  readonly #what: string;
  readonly #total: number;
  readonly #start: number = performance.now();
  #done = 0;
  #toldAt = 0;

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
    if (this.elapsed - this.#toldAt < interval && this.#done < this.#total) return;
    this.#toldAt = this.elapsed;
    const left = (this.elapsed / this.#done) * (this.#total - this.#done);
    const line = `${this.#what}: ${this.#done} of ${this.#total}, ${this.elapsed.toFixed(0)} s, about ${left.toFixed(0)} s left`;
    process.stderr.write(isTTY ? `\r${line}\u001b[K${this.#done === this.#total ? "\n" : ""}` : `${line}\n`);
  }
}

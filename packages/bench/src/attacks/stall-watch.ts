import { closeSync, openSync, readSync } from "node:fs";

/** How often the event loop is checked, in ms. */
const checkEvery = 2;

/** The worst of an event loop, in ms. The two may come from different moments. */
export interface WorstStall {
  /** The longest time for which it did not run a timer that was due. */
  readonly wall: number;
  /**
   * The most CPU time that its thread used between two checks. Unlike the wall time it leaves out the time in which other threads and processes had the cores.
   * 0 on systems other than Linux.
   */
  readonly cpu: number;
}

/** Watches the event loop of the thread that creates it. */
export class StallWatch {
  readonly #schedstat: number | undefined =
    process.platform === "linux" ? openSync("/proc/thread-self/schedstat", "r") : undefined;
  readonly #line: Buffer = Buffer.alloc(128);
  #checkedAt: number = performance.now();
  #cpuThen: number = this.#cpu();
  readonly #timer: NodeJS.Timeout;
  #wall = 0;
  #mostCpu = 0;

  constructor() {
    this.#timer = setInterval(() => this.#check(), checkEvery);
  }

  end(): void {
    clearInterval(this.#timer);
    if (this.#schedstat !== undefined) closeSync(this.#schedstat);
  }

  /** The worst since the last call. */
  take(): WorstStall {
    this.#check();
    const worst = { wall: this.#wall, cpu: this.#mostCpu };
    this.#wall = 0;
    this.#mostCpu = 0;
    return worst;
  }

  #check(): void {
    const now = performance.now();
    const cpu = this.#cpu();
    this.#wall = Math.max(this.#wall, now - this.#checkedAt - checkEvery);
    this.#mostCpu = Math.max(this.#mostCpu, cpu - this.#cpuThen);
    this.#checkedAt = now;
    this.#cpuThen = cpu;
  }

  /** CPU time of this thread so far, in ms. The kernel updates it at each tick, every 1 to 4 ms. */
  #cpu(): number {
    if (this.#schedstat === undefined) return 0;
    const length = readSync(this.#schedstat, this.#line, 0, this.#line.length, 0);
    return Number(this.#line.toString("latin1", 0, length).split(" ")[0]) / 1e6;
  }
}

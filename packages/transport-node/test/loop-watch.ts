import { readFileSync } from "node:fs";

/** What this thread has had so far, in ms. Linux only: elsewhere all time that passes is its own. */
interface ThreadTime {
  /** On a CPU. */
  readonly used: number;
  /** Ready to run, while others had the CPUs. */
  readonly waited: number;
}

function threadTime(): ThreadTime {
  if (process.platform !== "linux") return { used: performance.now(), waited: 0 };
  const [used, waited] = readFileSync("/proc/thread-self/schedstat", "utf8").split(" ");
  return { used: Number(used) / 1e6, waited: Number(waited) / 1e6 };
}

const epochMs = (): number => performance.timeOrigin + performance.now();

/** What the event loop of this thread does with its time, apart from what other processes take of the machine. */
export class LoopWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #samples: { readonly at: number; readonly waited: number }[] = [];
  #used: number = threadTime().used;
  #longestTurn = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), 1);
    this.#look();
  }

  /** The longest that a turn of the event loop took, in ms of CPU time. */
  get longestTurn(): number {
    return this.#longestTurn;
  }

  /** For how many of these ms (since the epoch) the thread would have run, and got no CPU. */
  waited(from: number, to: number): number {
    const before = this.#samples.findLast(({ at }) => at <= from) ?? this.#samples[0];
    const after = this.#samples.find(({ at }) => at >= to) ?? this.#samples.at(-1);
    return (after?.waited ?? 0) - (before?.waited ?? 0);
  }

  end(): void {
    this.#look();
    clearInterval(this.#timer);
  }

  #look(): void {
    const { used, waited } = threadTime();
    this.#longestTurn = Math.max(this.#longestTurn, used - this.#used);
    this.#used = used;
    this.#samples.push({ at: epochMs(), waited });
  }
}

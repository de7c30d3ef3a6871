import type { Clock, ClockTimer } from "../ports/clock.ts";
import { shared } from "./thread-messages.ts";

/** How many times an application must be found silent within its timeout. */
const checks = 10;
/** The longest time between two checks, in ms. */
const maxInterval = 1_000;

export interface ApplicationWatchOptions {
  readonly clock: Clock;
  readonly memory: Int32Array;
  /** In ms. */
  readonly timeout: number;
  /** The application has been silent for `timeout` ms, or answers again. */
  readonly onChange: (isSilent: boolean) => void;
}

/**
 * Notices that an application's event loop does not run: its heartbeat stands still. It counts checks instead of reading a clock, so that an
 * application is not found silent after the whole process was stopped.
 */
export class ApplicationWatch {
  readonly #options: ApplicationWatchOptions;
  readonly #interval: number;
  #timer: ClockTimer = undefined;
  #lastBeat = -1;
  #silentFor = 0;

  constructor(options: ApplicationWatchOptions) {
    this.#options = options;
    this.#interval = Math.min(options.timeout / checks, maxInterval);
    this.#schedule();
  }

  stop(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }

  #schedule(): void {
    this.#timer = this.#options.clock.setTimeout(() => this.#check(), this.#interval);
  }

  #check(): void {
    const { memory, onChange, timeout } = this.#options;
    const beat = Atomics.load(memory, shared.heartbeat);
    const wasSilent = this.#silentFor >= timeout;
    this.#silentFor = beat === this.#lastBeat ? this.#silentFor + this.#interval : 0;
    this.#lastBeat = beat;
    const isSilent = this.#silentFor >= timeout;
    if (isSilent !== wasSilent) onChange(isSilent);
    this.#schedule();
  }
}

/** How often an application shows that its event loop runs, in ms: twice in each check. */
export function heartbeatInterval(timeout: number): number {
  return Math.min(timeout / checks, maxInterval) / 2;
}

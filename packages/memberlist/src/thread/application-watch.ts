import type { Clock, ClockTimer } from "../ports/clock.ts";
import { shared } from "./thread-messages.ts";

/** The number of checks within the timeout. The application counts as silent if all of them find it silent. */
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
 * Detects that the application's event loop does not run, because its heartbeat does not change. It counts checks instead of reading a clock, so
 * that a pause of the whole process does not count.
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

/** Shows the thread that the application's event loop runs. */
export class ApplicationHeartbeat {
  readonly #clock: Clock;
  readonly #memory: Int32Array;
  /** In ms: two beats for each check. */
  readonly #interval: number;
  #timer: ClockTimer = undefined;

  /** @param timeout `applicationTimeout`, in ms */
  constructor(clock: Clock, memory: Int32Array, timeout: number) {
    this.#clock = clock;
    this.#memory = memory;
    this.#interval = Math.min(timeout / checks, maxInterval) / 2;
  }

  start(): void {
    this.stop();
    Atomics.add(this.#memory, shared.heartbeat, 1);
    this.#timer = this.#clock.setTimeout(() => this.start(), this.#interval);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
  }
}

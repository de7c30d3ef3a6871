import type { EngineContext } from "./context.ts";
import type { ScheduledTimer } from "./timers.ts";

export interface PeriodicOptions {
  readonly context: Pick<EngineContext, "now" | "timers">;
  /** Until the first tick, in ms. */
  readonly delay: number;
  /** From one tick to the next, in ms. */
  readonly interval: () => number;
  readonly tick: () => void;
  /** Whether a tick would find anything to do. Where not, there are none until {@link Periodic.wake}. Absent: it always would. */
  readonly hasWork?: () => boolean;
}

/** Repeated work. Its ticks keep their rhythm; ticks missed while the event loop was blocked are skipped, not made up for. */
export class Periodic {
  readonly #options: PeriodicOptions;
  #at: number;
  /** Undefined while it sleeps. */
  #timer: ScheduledTimer | undefined;
  #isStopped = false;

  constructor(options: PeriodicOptions) {
    this.#options = options;
    this.#at = options.context.now + options.delay;
    this.#set();
  }

  /** There is work again: the next tick comes when it would have come had there been work all the time. */
  wake(): void {
    if (this.#timer !== undefined || this.#isStopped) return;
    const { context, interval } = this.#options;
    const every = interval();
    this.#at += Math.max(Math.ceil((context.now - this.#at) / every), 1) * every;
    this.#set();
  }

  stop(): void {
    this.#isStopped = true;
    this.#options.context.timers.cancel(this.#timer);
  }

  readonly #run = (): void => {
    const { context, hasWork, interval, tick } = this.#options;
    if (hasWork !== undefined && !hasWork()) {
      this.#timer = undefined;
      return;
    }
    const every = interval();
    this.#at += every;
    if (this.#at <= context.now) this.#at = context.now + every;
    this.#set();
    tick();
  };

  #set(): void {
    this.#timer = this.#options.context.timers.set(this.#at, this.#run);
  }
}

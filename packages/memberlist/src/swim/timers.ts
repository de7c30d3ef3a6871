/** A timer that has been set; pass it to {@link TimerQueue.cancel}. */
export interface ScheduledTimer {
  at: number;
  /** Set order: timers due at the same time fire in the order in which they were set. */
  order: number;
  /** Undefined once it has fired or has been cancelled; a stale timer is then harmless. */
  callback: (() => void) | undefined;
}

/**
 * The timers of the engine, or of the virtual clock: a binary heap. The runtime arms one real timer for the engine's {@link nextAt} and then
 * calls {@link fire}.
 */
export class TimerQueue {
  #heap: ScheduledTimer[] = [];
  #order = 0;
  #cancelled = 0;

  set(at: number, callback: () => void): ScheduledTimer {
    const timer: ScheduledTimer = { at, order: this.#order++, callback };
    this.#push(timer);
    return timer;
  }

  cancel(timer: ScheduledTimer | undefined): void {
    if (timer?.callback === undefined) return;
    timer.callback = undefined;
    this.#cancelled++;
    // Cancelled timers wait in the heap for their time; under churn they must not become most of it.
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) this.#compact();
  }

  /** Lets a timer that has not fired yet wait `ms` longer. */
  postpone(timer: ScheduledTimer | undefined, ms: number): void {
    if (timer?.callback === undefined) return;
    // Out of its place in the heap: all are put in again.
    timer.at += ms;
    this.#compact();
  }

  /** When the next timer is due, in ms; undefined when none is set. */
  nextAt(): number | undefined {
    while (this.#heap.length > 0 && this.#heap[0]?.callback === undefined) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Fires the timers due at `now`, in order. Timers that a callback sets for `now` or earlier fire in the same call. */
  fire(now: number): void {
    for (let at = this.nextAt(); at !== undefined && at <= now; at = this.nextAt()) this.#fireFirst();
  }

  /** Fires the next timer, even before it is due. Does nothing without a timer. */
  fireNext(): void {
    if (this.nextAt() !== undefined) this.#fireFirst();
  }

  clear(): void {
    for (const timer of this.#heap) timer.callback = undefined;
    this.#heap = [];
    this.#cancelled = 0;
  }

  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Fires the root, which is neither fired nor cancelled. */
  #fireFirst(): void {
    const timer = this.#heap[0] as ScheduledTimer;
    const callback = timer.callback as () => void;
    timer.callback = undefined;
    this.#cancelled++;
    this.#pop();
    callback();
  }

  #compact(): void {
    const live = this.#heap.filter((timer) => timer.callback !== undefined);
    this.#heap = [];
    this.#cancelled = 0;
    for (const timer of live) this.#push(timer);
  }

  #push(timer: ScheduledTimer): void {
    const heap = this.#heap;
    let i = heap.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as ScheduledTimer;
      if (!isBefore(timer, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = timer;
  }

  /** Takes the root off, which has fired or was cancelled. */
  #pop(): void {
    const heap = this.#heap;
    this.#cancelled--;
    const last = heap.pop() as ScheduledTimer;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as ScheduledTimer, heap[child] as ScheduledTimer)) child++;
      if (!isBefore(heap[child] as ScheduledTimer, last)) break;
      heap[i] = heap[child] as ScheduledTimer;
      i = child;
    }
    heap[i] = last;
  }
}

function isBefore(a: ScheduledTimer, b: ScheduledTimer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

export interface PeriodicOptions {
  readonly context: { readonly now: number; readonly timers: TimerQueue };
  /** Until the first tick, in ms. */
  readonly delay: number;
  /** From one tick to the next, in ms. */
  readonly interval: () => number;
  readonly tick: () => void;
  /** Whether the next tick has work. If not, ticks pause until {@link Periodic.wake}. Absent: every tick has work. */
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

  /** Resumes paused ticks because work has arrived. The ticks keep the rhythm that they had before the pause. */
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

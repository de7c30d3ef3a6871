import type { Clock, ClockTimer, Random } from "@memberlist/core";
import type { VirtualClock } from "@memberlist/core/testing";

interface Waiting {
  readonly callback: () => void;
  /** On this node's clock, in ms. */
  readonly due: number;
  timer: ClockTimer;
}

/** How far rounding may put a timer before its time, in ms. */
const rounding = 1e-6;

/** The clock of one node: it may drift, its timers may come late, and it can be stopped as a paused process is. */
export class NodeClock implements Clock {
  readonly #base: VirtualClock;
  readonly #random: Random;
  readonly #waiting: Set<Waiting> = new Set();
  #rate = 1;
  #lateness = 0;
  #baseAt: number;
  #ownAt: number;
  #floor = 0;
  #missed: Waiting[] | undefined;

  constructor(base: VirtualClock, random: Random) {
    this.#base = base;
    this.#random = random;
    this.#baseAt = base.now();
    this.#ownAt = this.#baseAt;
  }

  now(): number {
    const now = this.#ownAt + (this.#base.now() - this.#baseAt) * this.#rate;
    return now > this.#floor ? now : this.#floor;
  }

  wallTime(): number {
    return this.#base.wallTime() + this.now() - this.#base.now();
  }

  setTimeout(callback: () => void, delay: number): ClockTimer {
    const wait = delay > 0 ? delay : 0;
    const waiting: Waiting = { callback, due: this.now() + wait, timer: undefined };
    const late = this.#lateness > 0 && wait > 0 ? this.#random.next() * this.#lateness : 0;
    waiting.timer = this.#base.setTimeout(() => this.#fire(waiting), wait / this.#rate + late);
    this.#waiting.add(waiting);
    return waiting;
  }

  clearTimeout(timer: ClockTimer): void {
    const waiting = timer as Waiting | undefined;
    if (waiting !== undefined && this.#waiting.delete(waiting)) this.#base.clearTimeout(waiting.timer);
  }

  defer(callback: () => void): void {
    this.setTimeout(callback, 0);
  }

  /** How many timers and deferred callbacks wait. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** From now on this clock goes `rate` times as fast as the others. Timers that are set already keep their instant. */
  drift(rate: number): void {
    this.#ownAt = this.now();
    this.#baseAt = this.#base.now();
    this.#rate = rate;
  }

  /** From now on each timer comes up to `max` ms late. */
  setLateness(max: number): void {
    this.#lateness = max;
  }

  /** No timer fires until {@link resume}; the time goes on. */
  pause(): void {
    this.#missed ??= [];
  }

  /** Those that were missed fire now, in their order. */
  resume(): void {
    const missed = this.#missed;
    this.#missed = undefined;
    for (const waiting of missed ?? []) waiting.timer = this.#base.setTimeout(() => this.#fire(waiting), 0);
  }

  #fire(waiting: Waiting): void {
    // Cleared while it was among the missed.
    if (!this.#waiting.has(waiting)) return;
    if (this.#missed !== undefined) {
      this.#missed.push(waiting);
      return;
    }
    this.#waiting.delete(waiting);
    // Rounding must not make a timer fire just before its time: it would be set again for no time at all, for ever.
    const early = waiting.due - this.now();
    if (early > 0 && early < rounding) this.#floor = waiting.due;
    waiting.callback();
  }
}

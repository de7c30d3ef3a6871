import type { Clock, ClockTimer } from "@memberlist/core";
import type { NodeClock } from "./node-clock.ts";

/**
 * The clock of a node's application: the node's own, which may drift and stand still. What is set on it is gone when the node crashes, and nothing
 * can be set until it has started again: of a dead process some code may still run, which has waited for what its member did.
 */
export class AppClock implements Clock {
  readonly #timers: Set<ClockTimer> = new Set();
  #node: NodeClock;
  #isDead = false;

  constructor(node: NodeClock) {
    this.#node = node;
  }

  now(): number {
    return this.#node.now();
  }

  wallTime(): number {
    return this.#node.wallTime();
  }

  setTimeout(callback: () => void, delay: number): ClockTimer {
    if (this.#isDead) return undefined;
    const timer = this.#node.setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, delay);
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: ClockTimer): void {
    if (this.#timers.delete(timer)) this.#node.clearTimeout(timer);
  }

  defer(callback: () => void): void {
    this.setTimeout(callback, 0);
  }

  /** How many timers and deferred callbacks wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** The process has died: nothing that waits is called. */
  kill(): void {
    this.#isDead = true;
    for (const timer of this.#timers) this.#node.clearTimeout(timer);
    this.#timers.clear();
  }

  /** A new life, on a clock of its own. */
  attach(node: NodeClock): void {
    this.#node = node;
    this.#isDead = false;
  }
}

import { randomOffset, type Random } from "../ports/random.ts";
import type { NodeRecord } from "./node-table.ts";

/** How many of the members that died are remembered. */
export const lostNodesMax = 1_024;

/** When to try again, by the number of failed tries. */
export class RetrySchedule {
  #failures = 0;
  #nextAt = -Infinity;

  isDue(now: number): boolean {
    return now >= this.#nextAt;
  }

  /** Out of turn for the next tick (after success), or for one, then three. Half an interval less, since ticks are jittered. */
  tried(succeeded: boolean, now: number, interval: number): void {
    this.#failures = succeeded ? 0 : Math.min(this.#failures + 1, 2);
    this.#nextAt = now + interval * (2 ** this.#failures - 0.5);
  }
}

/** A member that died, at the address that it had. */
export interface LostNode {
  readonly name: string;
  readonly addr: string;
  readonly port: number;
  readonly incarnation: number;
  /** In ms on the engine's clock. */
  readonly lostAt: number;
  readonly schedule: RetrySchedule;
}

/** The members that died, by name. The table forgets them after a while; a long partition must not. */
export class LostNodes {
  readonly #random: Random;
  readonly #byName: Map<string, LostNode> = new Map();
  /** Their names in any order, so that one of them can be drawn. */
  readonly #names: string[] = [];
  readonly #places: Map<string, number> = new Map();

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#byName.size;
  }

  all(): Iterable<LostNode> {
    return this.#byName.values();
  }

  get(name: string): LostNode | undefined {
    return this.#byName.get(name);
  }

  /** Where there are too many, a random one goes: neither a partition of long ago nor the latest deaths are lost as a whole. */
  add({ name, addr, port, incarnation }: NodeRecord, now: number): void {
    this.delete(name);
    if (this.size >= lostNodesMax) this.delete(this.#names[randomOffset(this.#random, this.#names.length)] as string);
    this.#byName.set(name, { name, addr, port, incarnation, lostAt: now, schedule: new RetrySchedule() });
    this.#places.set(name, this.#names.length);
    this.#names.push(name);
  }

  delete(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    this.#byName.delete(name);
    this.#places.delete(name);
    // The last one fills the gap.
    const last = this.#names.pop() as string;
    if (last === name) return;
    this.#names[place] = last;
    this.#places.set(last, place);
  }

  /** Forgets those that died before `time`. */
  expire(time: number): void {
    for (const { name, lostAt } of this.#byName.values()) if (lostAt < time) this.delete(name);
  }
}

import { BroadcastAges } from "./broadcast-ages.ts";

/** Something to be gossiped a limited number of times. */
export interface Broadcast {
  /** The bytes; must not change once queued. */
  readonly message: Uint8Array;
  /** A newer broadcast of the same name replaces this one. */
  readonly name?: string;
  /** True: never replaces another one, so that the queue is not searched. */
  readonly unique?: boolean;
  /** Whether queueing this one makes `other` obsolete. Called only if neither is named or unique. */
  invalidates?(other: Broadcast): boolean;
  /** The broadcast is out: sent often enough, replaced, or pruned. */
  finished?(): void;
}

/** A broadcast in the queue. */
export interface Entry {
  /** The broadcast's; "" if it has none. */
  readonly name: string;
  readonly broadcast: Broadcast;
  /** The broadcast's. */
  readonly message: Uint8Array;
  /** Grows with every broadcast queued. */
  readonly id: number;
  transmits: number;
  /** The neighbours in the order of queueing, so that the oldest is found without a search. */
  older: Entry | undefined;
  newer: Entry | undefined;
}

/** The broadcasts of one number of transmits, by length. */
export class BroadcastTier {
  /** The lengths present, ascending. */
  readonly #lengths: number[] = [];
  readonly #buckets: Map<number, BroadcastAges<Entry>> = new Map();

  add(entry: Entry): void {
    this.#bucket(entry.message.length).add(entry);
  }

  /**
   * Takes the newest of the largest that fit into `free` bytes, and goes on while there is room: each costs `overhead` bytes beside its
   * own.
   *
   * @param taken where they are put
   * @returns the bytes that are still free
   */
  takeLargest(free: number, overhead: number, taken: Entry[]): number {
    let left = free;
    for (let i = upperBound(this.#lengths, left) - 1; i >= 0 && left > 0; i = upperBound(this.#lengths, left) - 1) {
      const length = this.#lengths[i] as number;
      const bucket = this.#buckets.get(length) as BroadcastAges<Entry>;
      while (!bucket.isEmpty && length <= left && left > 0) {
        taken.push(bucket.takeNewest() as Entry);
        left -= overhead + length;
      }
      if (bucket.isEmpty) this.#dropBucket(i);
    }
    return left;
  }

  /** Takes the oldest of the longest, where that is over `length` bytes. */
  takeLonger(length: number): Entry | undefined {
    const i = this.#lengths.length - 1;
    return (this.#lengths[i] ?? 0) > length ? this.#takeOldest(i) : undefined;
  }

  /** The oldest of the longest that `may` holds for. */
  longest(may: (entry: Entry) => boolean): Entry | undefined {
    for (let i = this.#lengths.length - 1; i >= 0; i--) {
      for (const entry of this.#buckets.get(this.#lengths[i] as number) as BroadcastAges<Entry>) if (may(entry)) return entry;
    }
    return undefined;
  }

  /** Takes the one that would be sent last: the oldest of the smallest. */
  takeLast(): Entry | undefined {
    return this.#takeOldest(0);
  }

  /** @param entry one that is in this tier */
  remove(entry: Entry): void {
    const length = entry.message.length;
    const bucket = this.#buckets.get(length) as BroadcastAges<Entry>;
    bucket.remove(entry);
    if (bucket.isEmpty) this.#dropBucket(this.#lengths.indexOf(length));
  }

  *entries(): Iterable<Entry> {
    for (const bucket of this.#buckets.values()) yield* bucket;
  }

  #bucket(length: number): BroadcastAges<Entry> {
    let bucket = this.#buckets.get(length);
    if (bucket === undefined) {
      bucket = new BroadcastAges();
      this.#buckets.set(length, bucket);
      this.#lengths.splice(upperBound(this.#lengths, length), 0, length);
    }
    return bucket;
  }

  #takeOldest(i: number): Entry | undefined {
    const length = this.#lengths[i];
    if (length === undefined) return undefined;
    const bucket = this.#buckets.get(length) as BroadcastAges<Entry>;
    const entry = bucket.takeOldest();
    if (bucket.isEmpty) this.#dropBucket(i);
    return entry;
  }

  #dropBucket(i: number): void {
    const [length] = this.#lengths.splice(i, 1);
    this.#buckets.delete(length as number);
  }
}

/** The index of the first value above `limit` in an ascending list. */
function upperBound(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

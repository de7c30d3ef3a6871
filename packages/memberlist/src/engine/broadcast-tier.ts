import type { Broadcast } from "./broadcast-queue.ts";

/** A broadcast that waits. */
export interface Entry {
  readonly broadcast: Broadcast;
  /** Grows with every broadcast queued. */
  readonly id: number;
  transmits: number;
  /** The neighbours in the order of queueing, so that the oldest is found without a search. */
  older: Entry | undefined;
  newer: Entry | undefined;
}

/** The broadcasts of one number of transmits, by length; of one length, the newest last. */
export class BroadcastTier {
  /** The lengths present, ascending. */
  readonly #lengths: number[] = [];
  readonly #buckets: Map<number, Entry[]> = new Map();

  add(entry: Entry): void {
    const length = entry.broadcast.message.length;
    let bucket = this.#buckets.get(length);
    if (bucket === undefined) {
      bucket = [];
      this.#buckets.set(length, bucket);
      this.#lengths.splice(upperBound(this.#lengths, length), 0, length);
    }
    const last = bucket[bucket.length - 1];
    if (last === undefined || last.id < entry.id) bucket.push(entry);
    else bucket.splice(indexById(bucket, entry.id), 0, entry);
  }

  /** Takes the newest of the largest that fit into `free` bytes. */
  takeLargest(free: number): Entry | undefined {
    return this.#take(upperBound(this.#lengths, free) - 1, true);
  }

  /** Takes the oldest of the longest, where that is over `length` bytes. */
  takeLonger(length: number): Entry | undefined {
    const i = this.#lengths.length - 1;
    return (this.#lengths[i] ?? 0) > length ? this.#take(i, false) : undefined;
  }

  /** The oldest of the longest that `may` holds for. */
  longest(may: (entry: Entry) => boolean): Entry | undefined {
    for (let i = this.#lengths.length - 1; i >= 0; i--) {
      const entry = this.#buckets.get(this.#lengths[i] as number)?.find(may);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** Takes the one that would be sent last: the oldest of the smallest. */
  takeLast(): Entry | undefined {
    return this.#take(0, false);
  }

  remove(entry: Entry): void {
    const length = entry.broadcast.message.length;
    const bucket = this.#buckets.get(length);
    if (bucket === undefined) return;
    // The oldest is what a full queue gives up: at no cost, where a splice would move all the others.
    if (bucket[0] === entry) bucket.shift();
    else bucket.splice(indexById(bucket, entry.id), 1);
    if (bucket.length === 0) this.#dropBucket(this.#lengths.indexOf(length));
  }

  *entries(): Iterable<Entry> {
    for (const bucket of this.#buckets.values()) yield* bucket;
  }

  #take(i: number, newest: boolean): Entry | undefined {
    const length = this.#lengths[i];
    if (length === undefined) return undefined;
    const bucket = this.#buckets.get(length) as Entry[];
    const entry = newest ? bucket.pop() : bucket.shift();
    if (bucket.length === 0) this.#dropBucket(i);
    return entry;
  }

  #dropBucket(i: number): void {
    const [length] = this.#lengths.splice(i, 1);
    if (length !== undefined) this.#buckets.delete(length);
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

/** Where the entry with this id is, or belongs, in a list ordered by id. */
function indexById(bucket: readonly Entry[], id: number): number {
  let low = 0;
  let high = bucket.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bucket[middle] as Entry).id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

import { retransmitLimit } from "./scaling.ts";

/** Something to be gossiped a limited number of times. */
export interface Broadcast {
  /** The bytes; must not change once queued. */
  readonly message: Uint8Array;
  /** A newer broadcast of the same name replaces this one. */
  readonly name?: string;
  /** True: never replaces another one, so that the queue is not searched. */
  readonly unique?: boolean;
  /** Whether queueing this one makes `other` obsolete. Asked only where neither is named or unique. */
  invalidates?(other: Broadcast): boolean;
  /** The broadcast is out: sent often enough, replaced, or pruned. */
  finished?(): void;
}

export interface TransmitLimitedQueueOptions {
  /** The size of the cluster, asked each time. */
  readonly numNodes: () => number;
  /** A broadcast is sent retransmitMult * ceil(log10(n + 1)) times. */
  readonly retransmitMult: number;
}

interface Entry {
  readonly broadcast: Broadcast;
  readonly id: number;
  transmits: number;
}

/**
 * Broadcasts waiting for room in a packet: fewest transmits first, then largest, then newest. The library keeps one for
 * membership; a delegate that broadcasts keeps one of its own. Source: PROTOCOL.md section 7.
 */
export class TransmitLimitedQueue {
  readonly #numNodes: () => number;
  readonly #retransmitMult: number;
  /** By number of transmits; holes where a tier is empty. */
  #tiers: (Tier | undefined)[] = [];
  #named: Map<string, Entry> = new Map();
  #size = 0;
  #nextId = 0;

  constructor(options: TransmitLimitedQueueOptions) {
    this.#numNodes = options.numNodes;
    this.#retransmitMult = options.retransmitMult;
  }

  queueBroadcast(broadcast: Broadcast): void {
    const obsolete = this.#obsoletedBy(broadcast);
    const entry: Entry = { broadcast, id: this.#nextId++, transmits: 0 };
    for (const old of obsolete) this.#remove(old);
    this.#add(entry);
    // Told last: a callback may queue again.
    for (const old of obsolete) old.broadcast.finished?.();
  }

  /**
   * Fills a packet: each message costs `overhead` + its length, all together at most `limit` bytes.
   * What has been sent often enough leaves the queue.
   */
  getBroadcasts(overhead: number, limit: number): Uint8Array[] {
    if (this.#size === 0) return [];
    const transmitLimit = retransmitLimit(this.#retransmitMult, this.#numNodes());
    const messages: Uint8Array[] = [];
    const sent: Entry[] = [];
    let free = limit - overhead;
    for (let transmits = 0; transmits < this.#tiers.length && free > 0; transmits++) {
      const tier = this.#tiers[transmits];
      for (let entry = tier?.takeLargest(free); entry !== undefined; entry = tier?.takeLargest(free)) {
        messages.push(entry.broadcast.message);
        sent.push(entry);
        free -= overhead + entry.broadcast.message.length;
        if (free <= 0) break;
      }
    }
    // Only now, so that nothing is sent twice in one packet.
    const finished: Entry[] = [];
    for (const entry of sent) {
      this.#forget(entry);
      entry.transmits++;
      if (entry.transmits >= transmitLimit) finished.push(entry);
      else this.#add(entry);
    }
    for (const entry of finished) entry.broadcast.finished?.();
    return messages;
  }

  numQueued(): number {
    return this.#size;
  }

  /** Drops all but `maxRetain` broadcasts; those sent most often go first. */
  prune(maxRetain: number): void {
    const dropped: Entry[] = [];
    for (let transmits = this.#tiers.length - 1; transmits >= 0 && this.#size > maxRetain; transmits--) {
      while (this.#size > maxRetain) {
        const entry = this.#tiers[transmits]?.takeLast();
        if (entry === undefined) break;
        this.#forget(entry);
        dropped.push(entry);
      }
    }
    for (const entry of dropped) entry.broadcast.finished?.();
  }

  /** Drops everything. */
  reset(): void {
    this.prune(0);
    this.#tiers = [];
    this.#nextId = 0;
  }

  #obsoletedBy(broadcast: Broadcast): Entry[] {
    if (broadcast.name !== undefined) {
      const old = this.#named.get(broadcast.name);
      return old === undefined ? [] : [old];
    }
    if (broadcast.unique === true || broadcast.invalidates === undefined) return [];
    const obsolete: Entry[] = [];
    for (const tier of this.#tiers) {
      if (tier === undefined) continue;
      for (const entry of tier.entries()) {
        const other = entry.broadcast;
        if (other.name === undefined && other.unique !== true && broadcast.invalidates(other)) obsolete.push(entry);
      }
    }
    return obsolete;
  }

  #add(entry: Entry): void {
    (this.#tiers[entry.transmits] ??= new Tier()).add(entry);
    if (entry.broadcast.name !== undefined) this.#named.set(entry.broadcast.name, entry);
    this.#size++;
  }

  #remove(entry: Entry): void {
    this.#tiers[entry.transmits]?.remove(entry);
    this.#forget(entry);
  }

  /** The bookkeeping for an entry that its tier has given up already. */
  #forget(entry: Entry): void {
    if (entry.broadcast.name !== undefined) this.#named.delete(entry.broadcast.name);
    this.#size--;
  }
}

/** The broadcasts of one number of transmits, by length; of one length, the newest last. */
class Tier {
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
    bucket.splice(indexById(bucket, entry.id), 0, entry);
  }

  /** Takes the newest of the largest that fit into `free` bytes. */
  takeLargest(free: number): Entry | undefined {
    return this.#take(upperBound(this.#lengths, free) - 1, true);
  }

  /** Takes the one that would be sent last: the oldest of the smallest. */
  takeLast(): Entry | undefined {
    return this.#take(0, false);
  }

  remove(entry: Entry): void {
    const length = entry.broadcast.message.length;
    const bucket = this.#buckets.get(length);
    if (bucket === undefined) return;
    bucket.splice(indexById(bucket, entry.id), 1);
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

import { MemberlistError } from "../api/errors.ts";
import { checkOptions } from "../api/check-arguments.ts";
import { isFunction, oneOf, text, type Rule, type Rules } from "../util/value-rules.ts";
import { BroadcastTier, type Broadcast, type Entry } from "./broadcast-tier.ts";
import { NameIndex } from "./name-index.ts";
import { retransmitLimit } from "./scaling.ts";

export type { Broadcast } from "./broadcast-tier.ts";

/** Options of a {@link TransmitLimitedQueue}. */
export interface TransmitLimitedQueueOptions {
  /** The size of the cluster, asked each time. */
  readonly numNodes: () => number;
  /** A broadcast is sent retransmitMult * ceil(log10(n + 1)) times. */
  readonly retransmitMult: number;
  /**
   * The longest message that a packet can hold, in bytes, asked each time: `members.maxPayload()`; Infinity before the member exists.
   * A longer one is refused.
   */
  readonly maxPayload: () => number;
  /** How many may wait, 1 or more; Infinity for no limit. Default 8,192. */
  readonly maxCount?: number;
  /** How many bytes of messages may wait, 1 or more; Infinity for no limit. Default 8 MiB. */
  readonly maxBytes?: number;
  /** Which broadcast goes when the queue is full. Default `dropOldest`: the newest updates matter most. */
  readonly whenFull?: QueueFullPolicy;
  /** The broadcast of this name is never given up for another one by `dropMostSent`. */
  readonly spared?: string;
  /** Called for each dropped broadcast, after its `finished`, once the queue has changed. Not called for one refused with an error. */
  onDropped?(broadcast: Broadcast, why: DropReason): void;
}

/**
 * Why a broadcast was lost: given up for a newer one (`oldest`, `mostSent`), not taken, or (`tooLong`) no packet can hold it any more, since label or
 * encryption have made packets smaller.
 */
export type DropReason = "oldest" | "mostSent" | "newest" | "tooLong";

/**
 * What a full queue does: drop its oldest broadcast, drop the most sent one (the longest of those, then the oldest),
 * not take the new one, or throw `queue_full`.
 */
export type QueueFullPolicy = "dropOldest" | "dropMostSent" | "dropNewest" | "reject";

const limit: Rule = { expected: "1 or more", accepts: (value) => typeof value === "number" && value >= 1 };

/** The bounds of a queue: of this one and of `broadcastQueue` in the config. */
export const queueBoundRules: Rules<Pick<TransmitLimitedQueueOptions, "maxCount" | "maxBytes" | "whenFull">> = {
  maxCount: limit,
  maxBytes: limit,
  whenFull: oneOf(["dropOldest", "dropMostSent", "dropNewest", "reject"] satisfies QueueFullPolicy[]),
};

const queueRules: Rules<TransmitLimitedQueueOptions> = {
  ...queueBoundRules,
  numNodes: isFunction,
  retransmitMult: limit,
  maxPayload: isFunction,
  spared: text("a string"),
  onDropped: isFunction,
};

/** Counts of a {@link TransmitLimitedQueue}. */
export interface BroadcastQueueCounters {
  /** Broadcasts that wait now. */
  readonly count: number;
  /** Their bytes, without overhead. */
  readonly bytes: number;
  /** Old ones given up for new ones, since the queue was made. */
  readonly droppedOldest: number;
  /** The same by the policy `dropMostSent`. */
  readonly droppedMostSent: number;
  /** New ones not taken. */
  readonly droppedNewest: number;
  /** Calls that threw `queue_full`. */
  readonly rejected: number;
  /** Given up because no packet can hold them any more. */
  readonly droppedTooLong: number;
}

const none: readonly Entry[] = [];
const defaultMaxCount = 8192;
const defaultMaxBytes = 8 * 1024 * 1024;

/**
 * Broadcasts waiting for room in a packet: fewest transmits first, then largest, then newest. The library keeps one for
 * membership; a delegate that broadcasts keeps one of its own. Source: PROTOCOL.md section 7.
 *
 * Adding a broadcast enforces the bounds: without peers the queue sends no broadcast, so none would leave it otherwise.
 */
export class TransmitLimitedQueue {
  readonly #numNodes: () => number;
  readonly #retransmitMult: number;
  readonly #maxPayload: () => number;
  /** By number of transmits; holes where a tier is empty. */
  #tiers: (BroadcastTier | undefined)[] = [];
  readonly #named: NameIndex<Entry> = new NameIndex();
  #size = 0;
  #bytes = 0;
  /** No message that waits is longer. */
  #longest = 0;
  #nextId = 0;
  #oldest: Entry | undefined;
  #newest: Entry | undefined;
  readonly #maxCount: number;
  readonly #maxBytes: number;
  readonly #whenFull: QueueFullPolicy;
  readonly #spared: string | undefined;
  readonly #onDropped: TransmitLimitedQueueOptions["onDropped"];
  #droppedOldest = 0;
  #droppedMostSent = 0;
  #droppedNewest = 0;
  #rejected = 0;
  #droppedTooLong = 0;

  /** @throws MemberlistError `invalid_argument` for a limit below 1 or an unknown policy */
  constructor(options: TransmitLimitedQueueOptions) {
    const { maxCount = defaultMaxCount, maxBytes = defaultMaxBytes, whenFull = "dropOldest" } = options;
    checkOptions("TransmitLimitedQueue", options, queueRules, ["numNodes", "retransmitMult", "maxPayload"]);
    this.#numNodes = options.numNodes;
    this.#retransmitMult = options.retransmitMult;
    this.#maxPayload = options.maxPayload;
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
    this.#whenFull = whenFull;
    this.#spared = options.spared;
    this.#onDropped = options.onDropped?.bind(options);
  }

  /**
   * Takes a broadcast in, in the place of those that it makes obsolete.
   *
   * @returns false where the queue is full and the policy is `dropNewest`: nothing has changed then, but `finished` was called
   * @throws MemberlistError `queue_full` where the policy is `reject`; `message_too_large` for a message over `maxPayload()` or
   *   `maxBytes`, with any policy (`details.size`, `details.limit`). Nothing has changed then, and `finished` is not called.
   */
  queueBroadcast(broadcast: Broadcast): boolean {
    const { message, name = "" } = broadcast;
    const { length } = message;
    refuseOver(this.#maxPayload(), length, "maxPayload");
    refuseOver(this.#maxBytes, length, "maxBytes");
    const obsolete = this.#obsoletedBy(broadcast);
    const isFull = !this.#hasRoomFor(length, obsolete);
    if (isFull && (this.#whenFull === "dropNewest" || this.#whenFull === "reject")) {
      this.#refuse(broadcast);
      return false;
    }
    for (const old of obsolete) {
      // Its name stays in the index, where `#add` replaces the entry.
      this.#tiers[old.transmits]?.remove(old);
      this.#uncount(old);
    }
    const dropped = isFull ? this.#makeRoomFor(length) : none;
    this.#add({ name, broadcast, message, id: this.#nextId++, transmits: 0, older: undefined, newer: undefined });
    // Notified last: a callback may queue again.
    for (const old of obsolete) old.broadcast.finished?.();
    for (const old of dropped) this.#notifyDropped(old.broadcast, this.#whenFull === "dropMostSent" ? "mostSent" : "oldest");
    return true;
  }

  /**
   * Fills a packet: each message costs `overhead` + its length, all together at most `limit` bytes.
   * Broadcasts that were sent often enough leave the queue. So do those that fit into no packet any more.
   */
  getBroadcasts(overhead: number, limit: number): Uint8Array[] {
    if (this.#size === 0) return [];
    this.#dropTooLong(this.#maxPayload());
    const transmitLimit = retransmitLimit(this.#retransmitMult, this.#numNodes());
    const sent: Entry[] = [];
    let free = limit - overhead;
    for (let transmits = 0; transmits < this.#tiers.length && free > 0; transmits++) {
      free = this.#tiers[transmits]?.takeLargest(free, overhead, sent) ?? free;
    }
    const messages = sent.map(({ message }) => message);
    // Only now, so that a packet contains no broadcast twice.
    const finished: Entry[] = [];
    for (const entry of sent) {
      entry.transmits++;
      if (entry.transmits < transmitLimit) this.#tier(entry.transmits).add(entry);
      else finished.push(entry);
    }
    for (const entry of finished) this.#forget(entry);
    for (const { broadcast } of finished) broadcast.finished?.();
    return messages;
  }

  /** How many broadcasts are queued. */
  numQueued(): number {
    return this.#size;
  }

  /** Counts of queued broadcasts, and of those dropped because the queue was full. */
  counters(): BroadcastQueueCounters {
    return {
      count: this.#size,
      bytes: this.#bytes,
      droppedOldest: this.#droppedOldest,
      droppedMostSent: this.#droppedMostSent,
      droppedNewest: this.#droppedNewest,
      rejected: this.#rejected,
      droppedTooLong: this.#droppedTooLong,
    };
  }

  /** Drops the broadcast of that name. @returns false if the queue has none */
  cancel(name: string): boolean {
    const entry = this.#named.get(name);
    if (entry === undefined) return false;
    this.#remove(entry);
    entry.broadcast.finished?.();
    return true;
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

  #obsoletedBy(broadcast: Broadcast): readonly Entry[] {
    if (broadcast.name !== undefined) {
      const old = this.#named.get(broadcast.name);
      return old === undefined ? none : [old];
    }
    if (broadcast.unique === true || broadcast.invalidates === undefined) return none;
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

  #hasRoomFor(length: number, obsolete: readonly Entry[]): boolean {
    let bytes = this.#bytes + length;
    for (const old of obsolete) bytes -= old.message.length;
    return this.#size - obsolete.length < this.#maxCount && bytes <= this.#maxBytes;
  }

  /** Drops other broadcasts until the new one fits. */
  #makeRoomFor(length: number): Entry[] {
    const mostSent = this.#whenFull === "dropMostSent";
    const dropped: Entry[] = [];
    while (!this.#hasRoomFor(length, none)) {
      const entry = mostSent ? this.#mostSent() : this.#oldest;
      if (entry === undefined) break;
      this.#remove(entry);
      dropped.push(entry);
    }
    if (mostSent) this.#droppedMostSent += dropped.length;
    else this.#droppedOldest += dropped.length;
    return dropped;
  }

  #mostSent(): Entry | undefined {
    for (let transmits = this.#tiers.length - 1; transmits >= 0; transmits--) {
      const entry = this.#tiers[transmits]?.longest(
        ({ broadcast }) => broadcast.name === undefined || broadcast.name !== this.#spared,
      );
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /** @throws MemberlistError `queue_full` where that is the policy */
  #refuse(broadcast: Broadcast): void {
    if (this.#whenFull === "reject") {
      this.#rejected++;
      throw new MemberlistError("queue_full", `the queue is full: ${this.#size} broadcasts of ${this.#bytes} bytes are waiting`, {
        details: { count: this.#size, bytes: this.#bytes, maxCount: this.#maxCount, maxBytes: this.#maxBytes },
      });
    }
    this.#droppedNewest++;
    this.#notifyDropped(broadcast, "newest");
  }

  #dropTooLong(longest: number): void {
    if (this.#longest <= longest) return;
    this.#longest = longest;
    const dropped: Entry[] = [];
    for (const tier of this.#tiers) {
      for (let entry = tier?.takeLonger(longest); entry !== undefined; entry = tier?.takeLonger(longest)) {
        this.#forget(entry);
        dropped.push(entry);
      }
    }
    this.#droppedTooLong += dropped.length;
    for (const { broadcast } of dropped) this.#notifyDropped(broadcast, "tooLong");
  }

  #notifyDropped(broadcast: Broadcast, why: DropReason): void {
    broadcast.finished?.();
    this.#onDropped?.(broadcast, why);
  }

  #add(entry: Entry): void {
    this.#tier(entry.transmits).add(entry);
    this.#longest = this.#size === 0 ? entry.message.length : Math.max(this.#longest, entry.message.length);
    if (entry.broadcast.name !== undefined) this.#named.set(entry);
    this.#size++;
    this.#bytes += entry.message.length;
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #tier(transmits: number): BroadcastTier {
    return (this.#tiers[transmits] ??= new BroadcastTier());
  }

  #remove(entry: Entry): void {
    this.#tiers[entry.transmits]?.remove(entry);
    this.#forget(entry);
  }

  /** The bookkeeping for an entry that its tier has given up already. */
  #forget(entry: Entry): void {
    if (entry.broadcast.name !== undefined) this.#named.delete(entry.name);
    this.#uncount(entry);
  }

  #uncount(entry: Entry): void {
    this.#size--;
    this.#bytes -= entry.message.length;
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
  }
}

function refuseOver(limit: number, size: number, what: string): void {
  if (size <= limit) return;
  throw new MemberlistError(
    "message_too_large",
    `a message of ${size} bytes exceeds ${what} (${limit} bytes): shorten it, or send it over a stream`,
    {
      details: { size, limit },
    },
  );
}

import type { TopicsCounters } from "./counters.ts";
import type { OriginDigest, Range, WireMessage } from "./wire.ts";

/** How many origins are remembered. */
const maxOrigins = 8_192;
/** The most messages of one range. */
const maxRange = 4_096;
/** The most ranges of one packet. */
export const maxRanges: number = 64;
/** The memory of a stored message besides its payload, in bytes, estimated. */
export const messageOverhead: number = 256;
/** How long a member waits before it asks for the same range again, in ms. */
const askAgainAfter = 1_000;

/** A message that this member keeps. */
export interface StoredMessage extends WireMessage {
  /** When it was published, by this member's clock. */
  readonly publishedAt: number;
}

interface Origin {
  readonly id: number;
  readonly sender: string;
  /** The lowest sequence that the publisher may still have. */
  floor: number;
  /** The sequence to deliver next. */
  next: number;
  highest: number;
  /** By sequence: messages kept for repair, and messages that wait for an earlier one. */
  readonly messages: Map<number, StoredMessage>;
  /** Since when a message before `highest` is missing. */
  gapSince: number | undefined;
  lastAt: number;
  askedAt: number;
  askedTo: number;
}

export interface MessageLogOptions {
  readonly retention: number;
  readonly maxStoredBytes: number;
  readonly counters: TopicsCounters;
  /** Called for each new message, in the order of its sender. */
  readonly deliver: (message: StoredMessage) => void;
}

/** The messages of the retention, by origin: orders them, finds missing ones, and gives others what they miss. */
export class MessageLog {
  readonly #options: MessageLogOptions;
  readonly #origins: Map<number, Origin> = new Map();
  /** In the order of arrival, which is about that of their age. */
  readonly #stored: Set<StoredMessage> = new Set();
  #bytes = 0;

  constructor(options: MessageLogOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#origins.size === 0;
  }

  /** The lowest sequence of this member's own origin that is kept; its next one if none is. */
  floorOf(origin: number): number {
    const known = this.#origins.get(origin);
    if (known === undefined) return 1;
    const [oldest] = known.messages.keys();
    return oldest ?? known.next;
  }

  /** @returns whether the message is new */
  add(message: WireMessage, now: number): boolean {
    const { counters, retention } = this.#options;
    const origin = this.#origin(message, message.floor, now);
    if (message.sequence < origin.next || origin.messages.has(message.sequence)) {
      counters.duplicates++;
      return false;
    }
    if (message.age > retention) return false;
    const stored = { ...message, publishedAt: now - message.age };
    this.#store(origin, stored);
    counters.received++;
    origin.highest = Math.max(origin.highest, message.sequence);
    origin.lastAt = now;
    if (message.floor > origin.floor) origin.floor = message.floor;
    this.#deliver(origin, now);
    return true;
  }

  /** The messages that this member can give to others. @param since only origins with a message since then */
  digest(since: number = -Infinity): OriginDigest[] {
    const digests: OriginDigest[] = [];
    for (const { floor, id, lastAt, messages, next, sender } of this.#origins.values()) {
      if (messages.size > 0 && lastAt >= since) digests.push({ origin: id, sender, floor, next });
    }
    return digests;
  }

  /** The messages that a peer with this digest has and this member lacks, without those that it has just asked for. */
  missing(digest: readonly OriginDigest[], now: number): Range[] {
    const ranges: Range[] = [];
    for (const { floor, next, origin: id, sender } of digest) {
      // The next digest brings the rest. A digest does not displace origins whose messages this member has.
      if (ranges.length >= maxRanges) break;
      if (!this.#origins.has(id) && this.#origins.size >= maxOrigins) continue;
      const origin = this.#origin({ origin: id, sender }, Math.max(1, floor), now);
      if (floor > origin.floor) origin.floor = floor;
      if (next > origin.next) ranges.push(...this.#ask(origin, next - 1, now));
    }
    return ranges;
  }

  /** The messages that are missing between others, by publisher. @param age how long they have been missing at least, in ms */
  gaps(age: number, now: number): { readonly sender: string; readonly ranges: readonly Range[] }[] {
    const gaps: { sender: string; ranges: Range[] }[] = [];
    for (const origin of this.#origins.values()) {
      if (origin.gapSince === undefined || now - origin.gapSince < age) continue;
      const ranges = this.#ask(origin, origin.highest, now);
      if (ranges.length > 0) gaps.push({ sender: origin.sender, ranges });
    }
    return gaps;
  }

  /** The messages of a range that this member has. */
  *stored({ from, origin, to }: Range): IterableIterator<StoredMessage> {
    const messages = this.#origins.get(origin)?.messages;
    if (messages === undefined) return;
    const end = Math.min(to, from + maxRange - 1);
    for (let sequence = from; sequence <= end; sequence++) {
      const message = messages.get(sequence);
      if (message !== undefined) yield message;
    }
  }

  /** Drops messages older than the retention, and gives up gaps that are half as old. */
  expire(now: number): void {
    const { retention } = this.#options;
    for (const origin of this.#origins.values()) {
      if (origin.gapSince !== undefined && now - origin.gapSince > retention / 2) this.#skipGap(origin, now);
      // By now all members have dropped the messages of this origin.
      if (origin.messages.size === 0 && now - origin.lastAt > 2 * retention) this.#origins.delete(origin.id);
    }
    for (const message of this.#stored) {
      // A message that came late by repair may stand behind younger ones.
      if (now - message.publishedAt <= retention) continue;
      const origin = this.#origins.get(message.origin);
      // It has expired at all other members as well.
      if (origin !== undefined && message.sequence >= origin.floor) origin.floor = message.sequence + 1;
      this.#drop(message);
    }
  }

  #origin({ origin: id, sender }: Pick<WireMessage, "origin" | "sender">, floor: number, now: number): Origin {
    const known = this.#origins.get(id);
    if (known !== undefined) return known;
    if (this.#origins.size >= maxOrigins) this.#forgetOldest();
    const messages = new Map<number, StoredMessage>();
    const added = {
      id,
      sender,
      floor,
      next: floor,
      highest: 0,
      messages,
      gapSince: undefined,
      lastAt: now,
      askedAt: -Infinity,
      askedTo: 0,
    };
    this.#origins.set(id, added);
    return added;
  }

  #forgetOldest(): void {
    let oldest: Origin | undefined;
    for (const origin of this.#origins.values()) if (oldest === undefined || origin.lastAt < oldest.lastAt) oldest = origin;
    if (oldest === undefined) return;
    for (const message of oldest.messages.values()) this.#drop(message);
    this.#origins.delete(oldest.id);
  }

  /** The missing parts up to `to`, unless this member has just asked for them. */
  #ask(origin: Origin, to: number, now: number): Range[] {
    if (now - origin.askedAt < askAgainAfter && to <= origin.askedTo) return [];
    const ranges: Range[] = [];
    const from = Math.max(origin.next, origin.floor);
    const end = Math.min(to, from + maxRange - 1);
    for (let at = from; at <= end && ranges.length < maxRanges; at++) {
      if (origin.messages.has(at)) continue;
      let last = at;
      while (last < end && !origin.messages.has(last + 1)) last++;
      ranges.push({ origin: origin.id, from: at, to: last });
      at = last;
    }
    if (ranges.length === 0) return ranges;
    origin.askedAt = now;
    origin.askedTo = to;
    return ranges;
  }

  #deliver(origin: Origin, now: number): void {
    const { counters, deliver } = this.#options;
    for (;;) {
      const message = origin.messages.get(origin.next);
      if (message !== undefined) {
        origin.next++;
        deliver(message);
      } else if (origin.next < origin.floor) {
        // The publisher has dropped the messages before its floor.
        const next = Math.min(origin.floor, lowestFrom(origin));
        counters.missed += next - origin.next;
        origin.next = next;
      } else break;
    }
    if (origin.next > origin.highest) origin.gapSince = undefined;
    else origin.gapSince ??= now;
  }

  #skipGap(origin: Origin, now: number): void {
    const lowest = lowestFrom(origin);
    this.#options.counters.missed += lowest - origin.next;
    origin.next = lowest;
    origin.gapSince = undefined;
    this.#deliver(origin, now);
  }

  #store(origin: Origin, message: StoredMessage): void {
    const { counters, maxStoredBytes } = this.#options;
    origin.messages.set(message.sequence, message);
    this.#stored.add(message);
    this.#bytes += message.payload.length + messageOverhead;
    for (const oldest of this.#stored) {
      if (this.#bytes <= maxStoredBytes || oldest === message) return;
      counters.evicted++;
      this.#drop(oldest);
    }
  }

  #drop(message: StoredMessage): void {
    if (!this.#stored.delete(message)) return;
    this.#bytes -= message.payload.length + messageOverhead;
    this.#origins.get(message.origin)?.messages.delete(message.sequence);
  }
}

/** The lowest message that waits for an earlier one. */
function lowestFrom({ highest, messages, next }: Origin): number {
  let lowest = highest + 1;
  for (const sequence of messages.keys()) if (sequence >= next) lowest = Math.min(lowest, sequence);
  return lowest;
}

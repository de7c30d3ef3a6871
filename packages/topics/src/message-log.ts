import type { TopicsCounters } from "./counters.ts";
import type { OriginDigest, Range, WireMessage } from "./wire.ts";

/** How many origins a member remembers. */
const maxOrigins = 8_192;
/** A digest adds origins while there are fewer: it may make them up, and must leave room for those with messages. */
const maxFromDigests = maxOrigins / 2;
/** The most messages of one range. */
const maxRange = 4_096;
/** The most ranges of one packet. */
export const maxRanges: number = 4_096;
/** How many sequences one packet can make a member look up. It is twice as many as the default store has room for. */
const maxLookUps = 131_072;
/** The memory of a stored message besides its payload, in bytes, estimated. */
export const messageOverhead: number = 256;
/** How long a member waits before it asks for messages of the same origin again, in ms. */
const askAgainAfter = 1_000;
/** How long an origin without messages that a digest names is remembered, in ms. */
const emptyOriginLasts = 30_000;
/** A message that was published so much later than a jump of its origin shows that the jump was forged, in ms. Gossip takes seconds. */
const jumpIsFinalAfter = 60_000;
/** A gap ends by the floor of a peer's digest after this time, in ms: until then the missing message may be on its way. */
const floorEndsGapAfter = 5_000;
/** How many jumps of an origin are remembered. Further ones extend the last one. */
const maxJumps = 16;

/** A message that this member keeps. */
export interface StoredMessage extends WireMessage {
  /** When it was published, by this member's clock. */
  readonly publishedAt: number;
  /** When it arrived. */
  readonly arrivedAt: number;
}

/** Sequences that this member passed without their messages. */
interface Jump {
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

interface Origin {
  readonly id: number;
  readonly sender: string;
  /** The lowest sequence that the publisher may still have. */
  floor: number;
  /** The floor of a peer's digest. It counts once this member has a message from there on, because it may be forged. */
  peerFloor: number;
  /** The sequence to deliver next. */
  next: number;
  /** The highest sequence that has arrived. Between two calls of `expire` it may be that of a message that was dropped. */
  highest: number;
  hasDropped: boolean;
  /** The last jumps, the latest one last. */
  jumps: Jump[];
  /** Messages from this sequence on that were published before this time are forged. */
  refused: { readonly from: number; readonly before: number } | undefined;
  /** By sequence: messages kept for repair, and messages that wait for an earlier one. */
  readonly messages: Map<number, StoredMessage>;
  /** Since when a message before `highest` is missing. */
  gapSince: number | undefined;
  /** When this member got to know it. */
  readonly knownAt: number;
  /** When its last new message arrived. */
  lastAt: number;
  /** When its newest message was published. */
  newestAt: number;
  askedAt: number;
}

export interface MessageLogOptions {
  /** This member's own origin. */
  readonly own: number;
  readonly retention: number;
  readonly maxStoredBytes: number;
  readonly counters: TopicsCounters;
  /** Called for each new message, in the order of its sender. */
  readonly deliver: (message: StoredMessage) => void;
}

/** The messages of the retention, by origin: orders them, finds missing ones, and gives others what they miss. */
export class MessageLog {
  readonly #options: MessageLogOptions;
  /** The origin without a new message for longest is the first. */
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

  /** The lowest message of this member that is kept. @param next the sequence of its next one */
  floorOf(own: number, next: number): number {
    const [oldest] = this.#origins.get(own)?.messages.keys() ?? [];
    return oldest ?? next;
  }

  /** @returns whether the message is new */
  add(message: WireMessage, now: number): boolean {
    const { counters, retention } = this.#options;
    const publishedAt = now - message.age;
    const { sequence } = message;
    const isExpired = message.age > retention;
    if (isExpired && !this.#origins.has(message.origin)) return false;
    const origin = this.#origin(message, message.floor, now);
    const { refused } = origin;
    if (refused !== undefined && sequence >= refused.from && publishedAt <= refused.before) {
      counters.refused++;
      return false;
    }
    if (isExpired) {
      // All earlier ones have expired as well. Later ones must not wait for them.
      origin.highest = Math.max(origin.highest, sequence);
      origin.floor = Math.max(origin.floor, sequence + 1);
      this.#deliver(origin, now);
      return false;
    }
    const forged = sequence < origin.next ? this.#forgedJump(origin, sequence, publishedAt) : undefined;
    if (forged !== undefined) this.#goBack(origin, message, forged, publishedAt);
    if (sequence < origin.next || origin.messages.has(sequence)) {
      counters.duplicates++;
      return false;
    }
    this.#store(origin, { ...message, publishedAt, arrivedAt: now });
    counters.received++;
    origin.highest = Math.max(origin.highest, sequence);
    origin.lastAt = now;
    origin.newestAt = Math.max(origin.newestAt, publishedAt);
    this.#origins.delete(origin.id);
    this.#origins.set(origin.id, origin);
    origin.floor = Math.max(origin.floor, message.floor);
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
    const seen = new Set<number>();
    for (const { floor, next, origin: id, sender } of digest) {
      // The next digest brings the rest. A digest does not displace origins whose messages this member has.
      if (ranges.length >= maxRanges) break;
      if (seen.has(id) || id === this.#options.own || (!this.#origins.has(id) && this.#origins.size >= maxFromDigests)) continue;
      seen.add(id);
      const origin = this.#origin({ origin: id, sender }, Math.max(1, floor), now);
      origin.peerFloor = floor;
      if (next > origin.next) ranges.push(...this.#ask(origin, floor, next - 1, now));
      this.#deliver(origin, now);
    }
    return ranges;
  }

  /** The messages that are missing between others, by publisher. @param age how long they have been missing at least, in ms */
  gaps(age: number, now: number): { readonly sender: string; readonly ranges: readonly Range[] }[] {
    const gaps: { sender: string; ranges: Range[] }[] = [];
    for (const origin of this.#origins.values()) {
      if (!isGapOlder(origin, age, now)) continue;
      const ranges = this.#ask(origin, origin.floor, origin.highest, now);
      if (ranges.length > 0) gaps.push({ sender: origin.sender, ranges });
    }
    return gaps;
  }

  /** The messages of some ranges that this member has, each once. */
  stored(ranges: readonly Range[]): Set<StoredMessage> {
    const found = new Set<StoredMessage>();
    let left = maxLookUps;
    for (const { from, origin, to } of ranges.slice(0, maxRanges)) {
      const messages = this.#origins.get(origin)?.messages;
      if (messages === undefined) continue;
      const end = Math.min(to, from + Math.min(maxRange, left) - 1);
      for (let sequence = from; sequence <= end; sequence++) {
        left--;
        const message = messages.get(sequence);
        if (message !== undefined) found.add(message);
      }
    }
    return found;
  }

  /** Drops messages older than the retention, and gives up messages for which others have waited for half of it. */
  expire(now: number): void {
    const { own, retention } = this.#options;
    // Before messages expire: those behind an old gap may be about to.
    for (const origin of this.#origins.values()) {
      if (isGapOlder(origin, retention / 2 + 1, now)) this.#skipGaps(origin, now);
    }
    for (const message of this.#stored) {
      // A message that came late by repair may stand behind younger ones.
      if (now - message.publishedAt <= retention) continue;
      const origin = this.#origins.get(message.origin);
      // It has expired at all other members as well.
      if (origin !== undefined && message.sequence < origin.next) origin.floor = Math.max(origin.floor, message.sequence + 1);
      this.#drop(message);
    }
    for (const origin of this.#origins.values()) {
      if (origin.hasDropped) {
        origin.hasDropped = false;
        origin.highest = Math.max(origin.next - 1, ...waiting(origin, Infinity).slice(-1));
        if (origin.highest < origin.next) origin.gapSince = undefined;
      }
      // By now all members have dropped the messages of this origin.
      const lasts = origin.lastAt === -Infinity ? emptyOriginLasts : 2 * retention;
      if (origin.id !== own && origin.messages.size === 0 && now - Math.max(origin.lastAt, origin.knownAt) > lasts) {
        this.#origins.delete(origin.id);
      }
    }
  }

  /** Frees the memory. */
  clear(): void {
    this.#origins.clear();
    this.#stored.clear();
    this.#bytes = 0;
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
      peerFloor: 0,
      next: floor,
      highest: floor - 1,
      hasDropped: false,
      jumps: floor > 1 ? [{ from: 1, to: floor, at: now }] : [],
      refused: undefined,
      messages,
      gapSince: undefined,
      knownAt: now,
      lastAt: -Infinity,
      newestAt: -Infinity,
      askedAt: -Infinity,
    };
    this.#origins.set(id, added);
    return added;
  }

  #forgetOldest(): void {
    for (const [id, { messages }] of this.#origins) {
      if (id === this.#options.own) continue;
      for (const message of messages.values()) this.#drop(message);
      this.#origins.delete(id);
      return;
    }
  }

  /** In ms, see {@link jumpIsFinalAfter}. */
  get #jumpIsFinalAfter(): number {
    return Math.min(jumpIsFinalAfter, this.#options.retention / 2);
  }

  /**
   * The jump over a message that was published after it, and after all messages behind the jump. A publisher counts upwards, so that jump was forged. A
   * single forged message with a low number proves nothing while the publisher goes on behind the jump.
   */
  #forgedJump({ jumps, newestAt }: Origin, sequence: number, publishedAt: number): Jump | undefined {
    const isProof = ({ at, from, to }: Jump): boolean =>
      sequence >= from && sequence < to && publishedAt - Math.max(at, newestAt) > this.#jumpIsFinalAfter;
    return jumps.find(isProof);
  }

  /** Goes back to where the origin was before a forged jump. Repair brings the messages since then. */
  #goBack(origin: Origin, { floor, sequence }: WireMessage, jump: Jump, publishedAt: number): void {
    for (const message of origin.messages.values()) if (message.sequence > sequence) this.#drop(message);
    origin.floor = floor;
    origin.peerFloor = 0;
    origin.next = Math.max(jump.from, floor);
    origin.highest = sequence;
    // Others got the forged message later than this member, and may repeat it as if it was younger.
    origin.refused = { from: sequence + 1, before: jump.at + this.#jumpIsFinalAfter / 2 };
    origin.newestAt = publishedAt;
    origin.jumps = origin.jumps.slice(0, origin.jumps.indexOf(jump));
  }

  /** The missing parts up to `to`, unless this member has just asked for them. */
  #ask(origin: Origin, floor: number, to: number, now: number): Range[] {
    if (now - origin.askedAt < askAgainAfter) return [];
    const ranges: Range[] = [];
    let from = Math.max(origin.next, origin.floor, floor);
    const end = Math.min(to, from + maxRange - 1);
    for (const present of [...waiting(origin, end), end + 1]) {
      if (present > from) ranges.push({ origin: origin.id, from, to: present - 1 });
      from = Math.max(from, present + 1);
      if (ranges.length === maxRanges) break;
    }
    if (ranges.length === 0) return ranges;
    origin.askedAt = now;
    return ranges;
  }

  #deliver(origin: Origin, now: number): void {
    const isOldGap = origin.gapSince !== undefined && now - origin.gapSince >= floorEndsGapAfter;
    if (isOldGap && origin.peerFloor <= origin.highest) origin.floor = Math.max(origin.floor, origin.peerFloor);
    this.#deliverNext(origin);
    if (origin.next < origin.floor) {
      // The publisher has dropped the messages before its floor.
      const end = Math.min(origin.floor, origin.highest + 1);
      if (end - origin.next <= origin.messages.size) {
        // A search in all messages would cost too much for each message that raises the floor by a little.
        for (let sequence = origin.next; sequence < end; sequence = Math.max(sequence + 1, origin.next)) {
          if (origin.messages.has(sequence)) this.#jump(origin, sequence, now);
        }
      } else {
        for (const sequence of waiting(origin, end - 1)) this.#jump(origin, sequence, now);
      }
      this.#jump(origin, end, now);
    }
    if (origin.next > origin.highest) origin.gapSince = undefined;
    else origin.gapSince ??= now;
  }

  /** Delivers messages as far as none is missing. */
  #deliverNext(origin: Origin): void {
    for (;;) {
      const message = origin.messages.get(origin.next);
      if (message === undefined) return;
      origin.next++;
      this.#options.deliver(message);
    }
  }

  /** Gives up the messages before a sequence. */
  #jump(origin: Origin, to: number, now: number): void {
    const { next } = origin;
    if (to > next) {
      this.#options.counters.missed += to - next;
      const { from } = (origin.jumps.length < maxJumps ? undefined : origin.jumps.pop()) ?? { from: next };
      origin.jumps.push({ from, to, at: now });
      origin.next = to;
    }
    this.#deliverNext(origin);
  }

  /** Gives up all messages for which others have waited for half of the retention. */
  #skipGaps(origin: Origin, now: number): void {
    for (const sequence of waiting(origin, Infinity)) {
      const arrivedAt = origin.messages.get(sequence)?.arrivedAt ?? now;
      if (sequence > origin.next && now - arrivedAt <= this.#options.retention / 2) break;
      this.#jump(origin, sequence, now);
    }
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
    const origin = this.#origins.get(message.origin);
    if (origin === undefined) return;
    origin.messages.delete(message.sequence);
    if (message.sequence >= origin.next) origin.hasDropped = true;
  }
}

/** The sequences of the messages that wait for an earlier one, in their order. */
function waiting({ highest, messages, next }: Origin, to: number): number[] {
  if (highest < next) return [];
  return [...messages.keys()].filter((sequence) => sequence >= next && sequence <= to).toSorted((a, b) => a - b);
}

/** Whether a message has waited for an earlier one for longer than `age`, in ms. */
function isGapOlder(origin: Origin, age: number, now: number): boolean {
  if (origin.gapSince === undefined || now - origin.gapSince < age) return false;
  // The first gap may be closed, and another one open.
  const [lowest = 0] = waiting(origin, Infinity);
  origin.gapSince = origin.messages.get(lowest)?.arrivedAt ?? now;
  return now - origin.gapSince >= age;
}

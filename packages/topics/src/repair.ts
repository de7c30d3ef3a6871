import type { Channel, Node } from "@memberlist/core";
import type { TopicsCounters } from "./counters.ts";
import { maxRanges, messageOverhead, type MessageLog, type StoredMessage } from "./message-log.ts";
import type { TopicsMember } from "./options.ts";
import type { RetainedValues } from "./retained.ts";
import { encodeDigest, encodePacket, type Digest, type Packet, type Range, type WireMessage } from "./wire.ts";

/** Gossip out of order closes most gaps within this time, in ms. A member asks for the rest. */
const gapAge = 700;
/** After a new message, a member sends digests three times: these are the pauses before each, in ms. */
const digestPauses: readonly number[] = [1_000, 1_000, 2_000];
/**
 * The same after a message that came by repair, as after a partition: half of the members may lack it, and no gossip brings it to them. After only three
 * digests, one in twenty members would still lack it until its next push/pull.
 */
const repairPauses: readonly number[] = [1_000, 1_000, 1_000, 2_000, 2_000, 2_000, 3_000, 3_000, 3_000, 4_000, 4_000, 4_000];
/** The most packets with a digest that it sends at a time. */
const maxDigests = 8;
/** Such a digest contains the origins with a message within this time, in ms. */
const recent = 10_000;
/** In ms: how long digests follow {@link repairPauses} after a repaired message, and contain the origins with a message within this time. */
const repairLasts = 30_000;
/** The bytes of a packet's digest, without its origins, and those of an origin without its sender, at most. */
const digestOverhead = 300;
const originOverhead = 32;
/** The messages of one packet of a repair, in bytes. A single one may be longer. */
const batchBytes = 256 * 1024;
/** How many members this one repairs at the same time, each with one answer. Those that get none ask again. */
const maxAnswers = 8;
/** How often a member asks the sender of a digest again for what it still misses, at each tick: the sender may not know it yet. */
const maxRepeats = 5;
/** For how many digests it does so. The next push/pulls bring others. */
const maxUnfinished = 8;

export interface RepairOptions {
  readonly member: TopicsMember;
  readonly channel: () => Channel;
  readonly log: MessageLog;
  readonly retained: RetainedValues;
  readonly counters: TopicsCounters;
}

/** Finds what this member misses, asks others for it, and answers others. */
export class Repair {
  readonly #options: RepairOptions;
  /** When the next digest is due. */
  #digestAt = Infinity;
  /** How many times digests were sent since the last new message. */
  #rounds = 0;
  /** When the last message came by repair. */
  #repairedAt = -Infinity;
  /** The members that this one repairs now. */
  readonly #answers: Set<string> = new Set();
  #asksPublishers = false;
  /** The digests whose senders this member asks again, by the senders' names. */
  readonly #unfinished: Map<string, { readonly digest: Digest; repeats: number }> = new Map();

  constructor(options: RepairOptions) {
    this.#options = options;
  }

  /** A new message has arrived, by gossip or by repair. */
  received(now: number, isRepair: boolean): void {
    // A new message does not delay a digest: otherwise a busy publisher would prevent all digests.
    this.#digestAt = Math.min(this.#digestAt, now + (digestPauses[0] as number));
    // Messages by gossip do not begin the digests after a repair anew.
    if (isRepair || !this.#spreadsRepair(now)) this.#rounds = 0;
    if (isRepair) this.#repairedAt = now;
  }

  /** This member's part of a push/pull's state. */
  state(): Uint8Array {
    const { log, member, retained } = this.#options;
    const digest: Digest = { member: member.config.name, origins: log.digest(), retained: retained.digest() };
    return digest.origins.length + digest.retained.length === 0 ? new Uint8Array() : encodeDigest(digest);
  }

  /** Asks the sender of a digest for what this member misses, and again at the next ticks: a sender that repairs many others ignores some questions. */
  compare(digest: Digest, now: number): void {
    if (this.#ask(digest, now) && this.#unfinished.size < maxUnfinished) this.#repeat(digest);
  }

  /**
   * Does the same with the digest of a push/pull, and asks again even if this member has just asked others for all of it. Those do not answer a member
   * that has restarted, as long as they list it as dead or left.
   */
  merge(digest: Digest, now: number): void {
    this.#ask(digest, now);
    const [oldest] = this.#unfinished.keys();
    if (oldest !== undefined && this.#unfinished.size >= maxUnfinished) this.#unfinished.delete(oldest);
    this.#repeat(digest);
  }

  #repeat(digest: Digest): void {
    if (digest.member !== this.#options.member.config.name) this.#unfinished.set(digest.member, { digest, repeats: 0 });
  }

  /** @returns whether it asked for something */
  #ask({ member, origins, retained }: Digest, now: number): boolean {
    const { log, member: own, retained: values } = this.#options;
    const node = member === own.config.name ? undefined : liveNode(own, member);
    return node !== undefined && this.#pull(node, log.missing(origins, now), values.missing(retained));
  }

  /** Whether {@link tick} has to be called. */
  get isWaiting(): boolean {
    return this.#unfinished.size > 0;
  }

  /** Called about every second. */
  tick(now: number): void {
    const { log, member } = this.#options;
    this.#asksPublishers = !this.#asksPublishers;
    for (const { ranges, sender } of log.gaps(gapAge, now)) {
      const publisher = member.get(sender);
      // A publisher that has just restarted, or does not speak this protocol, does not answer.
      const target = this.#asksPublishers && publisher?.state === "alive" ? publisher : this.#randomMember();
      if (target !== undefined) this.#pull(target, ranges, []);
    }
    for (const [name, unfinished] of this.#unfinished) {
      this.#ask(unfinished.digest, now);
      if (++unfinished.repeats >= maxRepeats) this.#unfinished.delete(name);
    }
    if (now < this.#digestAt) return;
    this.#digestAt = now + ((this.#spreadsRepair(now) ? repairPauses : digestPauses)[++this.#rounds] ?? Infinity);
    this.#sendDigests(now);
  }

  /** Sends a member what it asked for. */
  async answer(name: string, { ranges, retained: topics }: Packet & { readonly type: "pull" }): Promise<void> {
    const { log, member, retained } = this.#options;
    const to = liveNode(member, name);
    if (to === undefined || this.#answers.size >= maxAnswers || this.#answers.has(name)) return;
    this.#answers.add(name);
    const aged = (message: StoredMessage): WireMessage => ({
      ...message,
      age: member.config.clock.now() - message.publishedAt,
    });
    try {
      const values = topics.flatMap((topic) => retained.get(topic) ?? []);
      for (const batch of batchesOf(new Set(values))) {
        await this.#send(to, { type: "repair", messages: [], retained: batch.map(aged) });
      }
      for (const batch of batchesOf(log.stored(ranges))) {
        await this.#send(to, { type: "repair", messages: batch.map(aged), retained: [] });
      }
    } catch {
      // It has left or died; otherwise it asks again.
    } finally {
      this.#answers.delete(name);
    }
  }

  async #send(to: Node, packet: Packet & { readonly type: "repair" }): Promise<void> {
    this.#options.counters.repairs += packet.messages.length + packet.retained.length;
    await this.#options.channel().sendReliable(to, encodePacket(packet));
  }

  #spreadsRepair(now: number): boolean {
    return now - this.#repairedAt < repairLasts;
  }

  /** @returns whether there was something to ask for */
  #pull(from: Node, ranges: readonly Range[], retained: readonly string[]): boolean {
    if (ranges.length + retained.length === 0) return false;
    this.#trySend(from, { type: "pull", ranges: ranges.slice(0, maxRanges), retained });
    return true;
  }

  /** Sends the recent origins in as many packets as they take, each to another random member. */
  #sendDigests(now: number): void {
    const { channel, log, member } = this.#options;
    const origins = log.digest(now - (this.#spreadsRepair(now) ? repairLasts : recent));
    // Those that do not fit into these packets have their turn in others.
    const start = Math.floor(member.config.random.next() * origins.length);
    const left = [...origins.slice(start), ...origins.slice(0, start)];
    for (let i = 0; i < maxDigests && left.length > 0; i++) {
      const target = this.#randomMember();
      if (target === undefined) return;
      let room = channel().maxPayload() - digestOverhead;
      const tooMany = left.findIndex(({ sender }) => (room -= originOverhead + 3 * sender.length) < 0);
      const chosen = left.splice(0, tooMany < 0 ? left.length : Math.max(1, tooMany));
      this.#trySend(target, { type: "digest", digest: { member: member.config.name, origins: chosen, retained: [] } });
    }
  }

  /** Sends a packet, or a stream if it is long. If it is lost, the next digest or tick repeats it. */
  #trySend(to: Node, packet: Packet): void {
    const channel = this.#options.channel();
    const bytes = encodePacket(packet);
    try {
      if (bytes.length > channel.maxPayload()) channel.sendReliable(to, bytes).catch(unsent);
      else channel.sendBestEffort(to, bytes);
    } catch {
      unsent();
    }
  }

  #randomMember(): Node | undefined {
    const { member } = this.#options;
    const { config } = member;
    const others = member.members().filter(({ name }) => name !== config.name);
    return others[Math.floor(config.random.next() * others.length)];
  }
}

/** The member of a name in a packet. A channel accepts addresses as well, so a name from a packet must not reach it as a string. */
export function liveNode(member: TopicsMember, name: string): Node | undefined {
  const node = member.get(name);
  return node?.state === "alive" || node?.state === "suspect" ? node : undefined;
}

function unsent(): void {
  // The other member has left, or this member shuts down.
}

/** Each message once, in parts of at most {@link batchBytes}. */
function* batchesOf(messages: ReadonlySet<StoredMessage>): IterableIterator<StoredMessage[]> {
  let batch: StoredMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = message.payload.length + messageOverhead;
    if (bytes > 0 && bytes + size > batchBytes) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

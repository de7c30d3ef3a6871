import type { Address } from "../api/address.ts";
import { compoundHeaderOverhead, compoundOverhead, crcOverhead } from "../wire/constants.ts";
import { packetCopy } from "../wire/bytes.ts";
import { makeCompounds } from "../wire/compound.ts";
import { TransmitLimitedQueue } from "./broadcast-queue.ts";
import { addressOf, type EngineContext } from "./context.ts";
import type { NodeRecord } from "./node-record.ts";
import { understands } from "./peer-features.ts";
import { packedLength, UserBroadcasts, userOverhead } from "./user-broadcasts.ts";

/** From ten members on, gossip transmits a message twice as often, and hardly misses a member: larger clusters need nothing else. */
const directMax = 20;

/**
 * Dissemination: membership broadcasts wait in a transmit-limited queue, ride along on pings and acks, and are gossiped
 * to random nodes. Source: PROTOCOL.md section 7.
 */
export class Gossip {
  readonly userBroadcasts: UserBroadcasts;
  readonly #context: EngineContext;
  readonly #queue: TransmitLimitedQueue;
  readonly #layerOverhead: () => number;
  readonly #onQueued: () => void;

  /**
   * @param layerOverhead the bytes that label and encryption add to a packet
   * @param onQueued called when a message has been queued
   */
  constructor(context: EngineContext, layerOverhead: () => number, onQueued: () => void) {
    this.#context = context;
    this.#onQueued = onQueued;
    this.#queue = new TransmitLimitedQueue({
      numNodes: () => context.table.size,
      retransmitMult: context.config.retransmitMult,
      maxPayload: () => this.packetRoom - compoundOverhead,
      maxCount: context.config.limits.maxMembershipBroadcasts,
      maxBytes: context.config.limits.maxMembershipBroadcastBytes,
      // The most sent messages go first; of those, long alive messages, which push/pulls carry, too. Never this node's own.
      whenFull: "dropMostSent",
      spared: context.config.name,
      onDropped: ({ message }, why) => (why === "tooLong" ? this.#tooLarge(message.length) : this.#full(message)),
    });
    this.#layerOverhead = layerOverhead;
    this.userBroadcasts = new UserBroadcasts(context, () => this.packetRoom);
  }

  get numQueued(): number {
    return this.#queue.numQueued();
  }

  /**
   * Starts the dissemination of a message about the node `name`; an older one about it is dropped. One that no packet can hold
   * (peers may have names and metadata of any length) is refused: it would wait for ever. So is one that is over the bound of the queue
   * by itself. Push/pulls carry both all the same.
   */
  broadcast(name: string, message: Uint8Array, finished?: () => void): void {
    const fits = this.fits(message);
    if (fits && message.length <= this.#context.config.limits.maxMembershipBroadcastBytes) {
      this.#queue.queueBroadcast({ name, message, finished });
      this.#onQueued();
      return;
    }
    finished?.();
    if (fits) this.#full(message);
    else this.#tooLarge(message.length);
  }

  /** Whether a packet may hold a message about the node: none is shorter than the name in it. */
  mayHold(name: string): boolean {
    return name.length <= this.packetRoom;
  }

  /** As {@link broadcast}, of a message that {@link mayHold} denies, and that need not be encoded for it. @param size of the name */
  refuse(size: number, finished?: () => void): void {
    finished?.();
    this.#tooLarge(size);
  }

  /** Drops all that waits to be sent. */
  forget(): void {
    this.#queue.reset();
  }

  /** Whether a packet can hold the message. */
  fits(message: Uint8Array): boolean {
    return compoundOverhead + message.length <= this.packetRoom;
  }

  /** Sends one message in a packet of its own, filled up with broadcasts. */
  send(message: Uint8Array, to: Address, onFailed?: () => void): void {
    const extra = this.#broadcasts(this.packetRoom - compoundOverhead - message.length);
    if (extra.length === 0) {
      this.sendAlone(message, to, onFailed);
      return;
    }
    // Hundreds of tiny user broadcasts fit into the bytes of one packet, but not into one compound.
    const [first, ...more] = makeCompounds([message, ...extra]);
    if (first !== undefined) this.sendAlone(first, to, onFailed);
    for (const packet of more) this.sendAlone(packet, to);
  }

  /** Sends a message as it is. */
  sendAlone(message: Uint8Array, to: Address, onFailed?: () => void): void {
    const record = to.name === "" ? undefined : this.#context.table.get(to.name);
    const crc = record !== undefined && understands(record.versions, "crc");
    this.#context.outputs.actions.push({ type: "packet", message, to, crc, onFailed });
  }

  /**
   * Sends a message to each other live member, unless they are more than {@link directMax}. With up to nine members gossip transmits a message only
   * four times (at the default `retransmitMult`), and one leave in thirty misses a member, which then refuses the node's successor at another address.
   */
  sendToAllIfFew(message: Uint8Array): void {
    const { config, table } = this.#context;
    const others = table.records().filter((record) => !record.isDeadOrLeft && record.name !== config.name);
    if (others.length > directMax) return;
    for (const record of others) this.sendAlone(packetCopy(message), addressOf(record));
  }

  /** Whether the queues have messages, or the delegate may have some. */
  get hasAny(): boolean {
    return this.#queue.numQueued() > 0 || this.userBroadcasts.hasAny;
  }

  /** One round: to `gossipNodes` random nodes, as long as the queues have messages. */
  tick(): void {
    const { config, outputs, selector, stats, now } = this.#context;
    if (!this.hasAny) return;
    const measured = stats.measure("memberlist.gossip");
    const targets = selector.choose("gossip", config.gossipNodes, (record) => this.#hearsGossip(record, now));
    for (const target of targets) {
      const messages = this.#broadcasts(this.packetRoom);
      if (messages.length === 0) break;
      const [only] = messages;
      // A copy, because a transport owns its packets, and the queue sends the message again.
      const packets = messages.length === 1 && only !== undefined ? [packetCopy(only)] : makeCompounds(messages);
      for (const packet of packets) this.sendAlone(packet, addressOf(target));
    }
    if (measured !== undefined) outputs.actions.push({ type: "measured", done: measured });
  }

  #full(message: Uint8Array): void {
    const { config, log, stats } = this.#context;
    const { count } = this.#queue.counters();
    const { maxMembershipBroadcasts: most, maxMembershipBroadcastBytes: bytesMax } = config.limits;
    const isForCount = count >= most && message.length <= bytesMax;
    stats.count(`limit.${isForCount ? "maxMembershipBroadcasts" : "maxMembershipBroadcastBytes"}`);
    log.warn("membership_queue_full", "the queue of membership updates is full, some were dropped; push/pulls carry them", {
      count,
      size: message.length,
    });
  }

  #tooLarge(size: number): void {
    const { log, stats } = this.#context;
    stats.count("dropped.broadcast_too_large");
    log.warn("broadcast_too_large", "a membership update does not fit into a packet, and is not gossiped", { size });
  }

  /** The part of `udpBufferSize` left for messages in a compound, in bytes. */
  get packetRoom(): number {
    return this.#context.config.udpBufferSize - compoundHeaderOverhead - crcOverhead - this.#layerOverhead();
  }

  /** Gossip reaches dead nodes for a while, so that wrongly declared ones can refute. */
  #hearsGossip(record: NodeRecord, now: number): boolean {
    const { config } = this.#context;
    if (record.name === config.name || record.state === "left") return false;
    return record.state !== "dead" || now - record.stateChangedAt <= config.gossipToTheDeadTime;
  }

  /** Ours and the user's, in at most `limit` bytes. Each side is asked once, or one message could be in a packet twice. */
  #broadcasts(limit: number): Uint8Array[] {
    if (limit <= compoundOverhead) return [];
    const { count, bytes } = this.#queue.counters();
    const share = this.userBroadcasts.share(limit, bytes + count * compoundOverhead);
    if (!this.userBroadcasts.hasAny) return this.#queue.getBroadcasts(compoundOverhead, limit);
    if (share <= userOverhead) {
      const messages = this.#queue.getBroadcasts(compoundOverhead, limit);
      return [...messages, ...this.userBroadcasts.take(limit - packedLength(messages))];
    }
    const users = this.userBroadcasts.take(share);
    return [...this.#queue.getBroadcasts(compoundOverhead, limit - packedLength(users)), ...users];
  }
}

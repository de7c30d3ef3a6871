import { MemberlistError } from "../api/errors.ts";
import { RateLimit } from "../util/rate-limit.ts";
import { copyBytes } from "../wire/bytes.ts";
import { compoundOverhead, userMsgOverhead } from "../wire/constants.ts";
import { encodeUser } from "../wire/messages/encode.ts";
import { TransmitLimitedQueue, type BroadcastQueueCounters, type DropReason, type QueueFullPolicy } from "./broadcast-queue.ts";
import type { EngineContext } from "./context.ts";
import { retransmitLimit } from "./scaling.ts";

/** The overhead of each user broadcast in a compound, in bytes. */
export const userOverhead: number = compoundOverhead + userMsgOverhead;

/** The user broadcasts of `members.broadcast`, in a queue of their own, and those of the delegate; and their share of the packets. */
export class UserBroadcasts {
  readonly #context: EngineContext;
  readonly #queue: TransmitLimitedQueue;
  readonly #whenFull: QueueFullPolicy;
  readonly #packetRoom: () => number;
  /** Limits the events of a full queue. */
  readonly #limit: RateLimit;
  /** Whether the queue comes before the delegate in the next packet: they take turns, so that neither starves. */
  #queueFirst = false;
  /** The saved share of the packets, in bytes. */
  #credit = 0;

  /** @param packetRoom the part of a packet left for messages in a compound, in bytes */
  constructor(context: EngineContext, packetRoom: () => number) {
    const { config, now, table } = context;
    const { whenFull = "dropOldest", ...bounds } = config.broadcastQueue ?? {};
    this.#context = context;
    this.#packetRoom = packetRoom;
    this.#whenFull = whenFull;
    this.#limit = new RateLimit(now);
    this.#queue = new TransmitLimitedQueue({
      ...bounds,
      whenFull,
      numNodes: () => table.liveCount,
      maxPayload: () => this.maxPayload,
      retransmitMult: config.retransmitMult,
      onDropped: ({ message }, why) => this.#dropped(message.length, why),
    });
  }

  /** The longest message, in bytes, that fits into a packet of its own. */
  get maxPayload(): number {
    return Math.max(0, this.#packetRoom() - userOverhead);
  }

  /** Whether the queue has messages to send, or the delegate may have some. */
  get hasAny(): boolean {
    return this.#queue.numQueued() > 0 || this.#context.delegates.hasBroadcasts;
  }

  /** The messages of `members.broadcast` that wait, and their bytes. */
  counters(): BroadcastQueueCounters {
    return this.#queue.counters();
  }

  /**
   * @returns false if it was dropped at once
   * @throws MemberlistError `queue_full`, `message_too_large`; nothing has changed then
   */
  queue(message: Uint8Array, name: string | undefined): boolean {
    try {
      return this.#queue.queueBroadcast({ message: copyBytes(message), name });
    } catch (error) {
      if (error instanceof MemberlistError && error.code === "queue_full") this.#full("rejected");
      throw error;
    }
  }

  /** Drops the message of that name, if it is still in the queue: a newer one replaces it. */
  cancel(name: string): void {
    this.#queue.cancel(name);
  }

  /**
   * How many of `limit` bytes user broadcasts may take before membership messages: whatever membership messages leave, or else the
   * bytes that user broadcasts have saved up. The savings are capped at the bytes that one packet-sized user broadcast needs for all its
   * transmits. So an occasional user broadcast, however long, is never delayed, and a stream of them gets its share and no more.
   *
   * @param wanted the bytes of the membership messages in the queue
   */
  share(limit: number, wanted: number): number {
    const { config, table } = this.#context;
    const { retransmitMult, userBroadcastShare: share } = config;
    const creditMax = retransmitLimit(retransmitMult, table.size) * this.#packetRoom();
    this.#credit = Math.min(this.#credit + limit * share, creditMax);
    return wanted <= limit * (1 - share) ? limit - wanted : Math.min(limit, Math.floor(this.#credit));
  }

  /** Encoded messages for the next packet, of at most `limit` bytes with their overheads. They use up the saved share. */
  take(limit: number): Uint8Array[] {
    if (limit <= userOverhead) return [];
    const messages = this.#next(userOverhead, limit).map(encodeUser);
    this.#credit = Math.max(this.#credit - packedLength(messages), 0);
    return messages;
  }

  #next(overhead: number, limit: number): readonly Uint8Array[] {
    this.#queueFirst = !this.#queueFirst;
    const messages = this.#from(this.#queueFirst, overhead, limit);
    const left = messages.reduce((room, message) => room - overhead - message.length, limit);
    return left > overhead ? [...messages, ...this.#from(!this.#queueFirst, overhead, left)] : messages;
  }

  #from(isQueue: boolean, overhead: number, limit: number): readonly Uint8Array[] {
    return (isQueue ? this.#queue : this.#context.delegates).getBroadcasts(overhead, limit);
  }

  #dropped(size: number, why: DropReason): void {
    if (why !== "tooLong") {
      this.#full(why === "mostSent" ? "most_sent" : why);
      return;
    }
    const { log, stats } = this.#context;
    stats.count("broadcast_dropped.too_long");
    log.warn("broadcast_too_long", "dropped a message of broadcast(): it no longer fits into a packet", {
      size,
      limit: this.maxPayload,
    });
  }

  #full(lost: "oldest" | "most_sent" | "newest" | "rejected"): void {
    const { log, outputs, stats, now } = this.#context;
    stats.count(`broadcast_dropped.${lost}`);
    const { bytes, count } = this.#queue.counters();
    const facts = { policy: this.#whenFull, count, bytes };
    log.warn(
      "queue_full",
      "the queue of broadcast() is full, a message was dropped or refused: broadcast less often, or raise broadcastQueue",
      facts,
    );
    const suppressed = this.#limit.take(now);
    if (suppressed !== undefined) outputs.events.push({ type: "queue_full", ...facts, suppressed });
  }
}

/** The size of messages in a compound, in bytes. */
export function packedLength(messages: readonly Uint8Array[]): number {
  return messages.reduce((sum, message) => sum + compoundOverhead + message.length, 0);
}

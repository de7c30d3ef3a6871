import { MemberlistError } from "../api/errors.ts";
import { RateLimit } from "../util/rate-limit.ts";
import { copyBytes } from "../wire/bytes.ts";
import { TransmitLimitedQueue, type BroadcastQueueCounters, type DropReason, type QueueFullPolicy } from "./broadcast-queue.ts";
import type { EngineContext } from "./context.ts";

/** The user broadcasts of `members.broadcast`, in a queue of their own, and those of the delegate. */
export class UserBroadcasts {
  readonly #context: EngineContext;
  readonly #queue: TransmitLimitedQueue;
  readonly #whenFull: QueueFullPolicy;
  readonly #maxPayload: () => number;
  /** Limits the events of a full queue. */
  readonly #limit: RateLimit;
  /** Whether the queue comes before the delegate in the next packet: they take turns, so that neither starves. */
  #queueFirst = false;

  /** @param maxPayload the longest message that a packet can hold, in bytes */
  constructor(context: EngineContext, maxPayload: () => number) {
    const { config, now, table } = context;
    const { whenFull = "dropOldest", ...bounds } = config.broadcastQueue ?? {};
    this.#context = context;
    this.#maxPayload = maxPayload;
    this.#whenFull = whenFull;
    this.#limit = new RateLimit(now);
    this.#queue = new TransmitLimitedQueue({
      ...bounds,
      whenFull,
      numNodes: () => table.liveCount,
      maxPayload,
      retransmitMult: config.retransmitMult,
      onDropped: ({ message }, why) => this.#dropped(message.length, why),
    });
  }

  /** Whether there are, or may be, messages to send. */
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
      return this.#queue.queueBroadcast({ message: copyBytes(message), name, unique: name === undefined });
    } catch (error) {
      if (error instanceof MemberlistError && error.code === "queue_full") this.#full("rejected");
      throw error;
    }
  }

  /** Drops the message of that name, if it is still in the queue: there is a newer one. */
  cancel(name: string): void {
    this.#queue.cancel(name);
  }

  /** Messages of at most `limit` bytes, each with `overhead`, for the next packet. */
  take(overhead: number, limit: number): readonly Uint8Array[] {
    const { delegates } = this.#context;
    this.#queueFirst = !this.#queueFirst;
    if (this.#queue.numQueued() === 0) return delegates.getBroadcasts(overhead, limit);
    const fromQueue = (room: number): readonly Uint8Array[] => this.#queue.getBroadcasts(overhead, room);
    const fromDelegate = (room: number): readonly Uint8Array[] => delegates.getBroadcasts(overhead, room);
    const [first, second] = this.#queueFirst ? [fromQueue, fromDelegate] : [fromDelegate, fromQueue];
    const messages = first(limit);
    const left = messages.reduce((room, message) => room - overhead - message.length, limit);
    return left > overhead ? [...messages, ...second(left)] : messages;
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
      limit: this.#maxPayload(),
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

import type { ResolvedConfig } from "../config/config.ts";
import { MemberlistError } from "../api/errors.ts";
import { TransmitLimitedQueue, type DropReason, type QueueFullPolicy } from "../swim/broadcast-queue.ts";
import type { QueueFullEvent } from "../api/events.ts";
import type { Log } from "../ports/log.ts";
import { RateLimit } from "../util/rate-limit.ts";
import { copyBytes } from "../wire/bytes.ts";
import type { Stats } from "./stats.ts";

export interface UserBroadcastsOptions {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly stats: Stats;
  readonly numNodes: () => number;
  readonly maxPayload: () => number;
  readonly tell: (event: QueueFullEvent) => void;
}

/** The messages of `members.broadcast` that wait for packets, and what is said when one is lost. */
export class UserBroadcasts {
  readonly #options: UserBroadcastsOptions;
  readonly #queue: TransmitLimitedQueue;
  readonly #whenFull: QueueFullPolicy;
  readonly #limit: RateLimit;

  constructor(options: UserBroadcastsOptions) {
    const { config, maxPayload, numNodes } = options;
    const { whenFull = "dropOldest", ...bounds } = config.broadcastQueue ?? {};
    this.#options = options;
    this.#whenFull = whenFull;
    this.#limit = new RateLimit(config.clock.now());
    this.#queue = new TransmitLimitedQueue({
      ...bounds,
      whenFull,
      numNodes,
      maxPayload,
      retransmitMult: config.retransmitMult,
      onDropped: ({ message }, why) => this.#dropped(message.length, why),
    });
  }

  get hasAny(): boolean {
    return this.#queue.numQueued() > 0;
  }

  /**
   * @returns false where it was dropped at once
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

  /** Gives up the message of that name, if it still waits: there is a newer one. */
  cancel(name: string): void {
    this.#queue.cancel(name);
  }

  getBroadcasts(overhead: number, limit: number): Uint8Array[] {
    return this.#queue.getBroadcasts(overhead, limit);
  }

  #dropped(size: number, why: DropReason): void {
    if (why !== "tooLong") {
      this.#full(why === "mostSent" ? "most_sent" : why);
      return;
    }
    const { log, maxPayload, stats } = this.#options;
    stats.count("broadcast_dropped.too_long");
    log.warn("broadcast_too_long", "dropped a message of broadcast(): it no longer fits into a packet", {
      size,
      limit: maxPayload(),
    });
  }

  #full(lost: "oldest" | "most_sent" | "newest" | "rejected"): void {
    const { config, log, stats, tell } = this.#options;
    stats.count(`broadcast_dropped.${lost}`);
    const { bytes, count } = this.#queue.counters();
    const facts = { policy: this.#whenFull, count, bytes };
    log.warn(
      "queue_full",
      "the queue of broadcast() is full, a message was dropped or refused: broadcast less often, or raise broadcastQueue",
      facts,
    );
    const suppressed = this.#limit.take(config.clock.now());
    if (suppressed !== undefined) tell({ type: "queue_full", ...facts, suppressed, at: config.clock.wallTime() });
  }
}

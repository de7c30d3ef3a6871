import type { ResolvedConfig } from "../config.ts";
import { MemberlistError } from "../errors.ts";
import { TransmitLimitedQueue, type QueueFullPolicy } from "../engine/broadcast-queue.ts";
import type { QueueFullEvent } from "../events.ts";
import type { Log } from "../log.ts";
import { RateLimit } from "../rate-limit.ts";
import { copyBytes } from "../wire/bytes.ts";
import type { Stats } from "./stats.ts";

export interface UserBroadcastsOptions {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly stats: Stats;
  readonly numNodes: () => number;
  readonly tell: (event: QueueFullEvent) => void;
}

/** The messages of `members.broadcast` that wait for packets, and what is said when one is lost. */
export class UserBroadcasts {
  readonly #options: UserBroadcastsOptions;
  readonly #queue: TransmitLimitedQueue;
  readonly #whenFull: QueueFullPolicy;
  readonly #limit: RateLimit;

  constructor(options: UserBroadcastsOptions) {
    const { config, numNodes } = options;
    const { whenFull = "dropOldest", ...bounds } = config.broadcastQueue ?? {};
    this.#options = options;
    this.#whenFull = whenFull;
    this.#limit = new RateLimit(config.clock.now());
    this.#queue = new TransmitLimitedQueue({ ...bounds, whenFull, numNodes, retransmitMult: config.retransmitMult });
  }

  get hasAny(): boolean {
    return this.#queue.numQueued() > 0;
  }

  /**
   * @returns false where it was dropped at once
   * @throws MemberlistError `queue_full`, `message_too_large`; nothing has changed then
   */
  queue(message: Uint8Array, name: string | undefined): boolean {
    const before = this.#queue.counters();
    try {
      return this.#queue.queueBroadcast({ message: copyBytes(message), name, unique: name === undefined });
    } finally {
      const after = this.#queue.counters();
      this.#lost("oldest", after.droppedOldest - before.droppedOldest);
      this.#lost("newest", after.droppedNewest - before.droppedNewest);
      this.#lost("rejected", after.rejected - before.rejected);
    }
  }

  /** Gives up the message of that name, if it still waits: there is a newer one. */
  cancel(name: string): void {
    this.#queue.cancel(name);
  }

  getBroadcasts(overhead: number, limit: number): Uint8Array[] {
    return this.#queue.getBroadcasts(overhead, limit);
  }

  #lost(what: "oldest" | "newest" | "rejected", count: number): void {
    const { config, log, stats, tell } = this.#options;
    for (let i = 0; i < count; i++) {
      stats.count(`broadcast_dropped.${what}`);
      const waiting = this.#queue.counters();
      const facts = { policy: this.#whenFull, count: waiting.count, bytes: waiting.bytes };
      log.warn("queue_full", "the queue of broadcast() is full, a message is lost or refused", facts);
      const suppressed = this.#limit.take(config.clock.now());
      if (suppressed !== undefined) tell({ type: "queue_full", ...facts, suppressed, at: config.clock.wallTime() });
    }
  }
}

/** @throws MemberlistError `message_too_large` */
export function refuseTooLong(size: number, limit: number): void {
  if (size <= limit) return;
  throw new MemberlistError("message_too_large", `a message of ${size} bytes fits into no packet, which takes ${limit} bytes`, {
    details: { size, limit },
  });
}

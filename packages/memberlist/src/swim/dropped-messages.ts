import type { Address } from "../api/address.ts";
import type { MessageDropReason } from "../api/codes.ts";
import { DecodeError, type DecodeReason } from "../wire/errors.ts";
import type { EngineLog, EngineStats } from "./ports.ts";

/** Why a message of a packet was dropped: `dropped.` and this is its counter. */
export type DropReason = DecodeReason | MessageDropReason;

interface Drop {
  count: number;
  readonly reason: DropReason;
  /** Of the first of them. */
  readonly text: string;
  readonly type: number | undefined;
  readonly from: Address;
}

/**
 * The messages of one packet, or of one batch, that were dropped. They are counted and logged together: a packet can hold hundreds of bad
 * messages, which are worth one line.
 */
export class DroppedMessages {
  readonly #log: EngineLog;
  readonly #stats: EngineStats;
  readonly #drops: Map<DropReason, Drop> = new Map();

  constructor(log: EngineLog, stats: EngineStats) {
    this.#log = log;
    this.#stats = stats;
  }

  /**
   * @param text the error, for the log
   * @param type of the message; undefined: it has none
   * @param count how many messages
   */
  add(reason: DropReason, text: string, type: number | undefined, from: Address, count: number = 1): void {
    const drop = this.#drops.get(reason);
    if (drop === undefined) this.#drops.set(reason, { count, reason, text, type, from });
    else drop.count += count;
  }

  /** Records a DecodeError. Any other error is a bug in this library and is rethrown. */
  addError(error: unknown, type: number | undefined, from: Address): void {
    if (!(error instanceof DecodeError)) throw error;
    this.add(error.reason, error.message, type, from);
  }

  /**
   * Counts and logs the drops since the last call. A full queue has a log line of its own: the messages were not bad.
   *
   * @returns how many were bad
   */
  report(): number {
    if (this.#drops.size === 0) return 0;
    let bad = 0;
    for (const [reason, { count, from }] of this.#drops) {
      this.#stats.count(`dropped.${reason}`, count, from);
      if (reason !== "handoff_full") bad += count;
    }
    const full = this.#drops.get("handoff_full");
    if (full !== undefined) this.#log.warn("handoff_full", lineOf(full.count, full), fieldsOf(full.count, full));
    if (bad > 0) {
      const first = [...this.#drops.values()].find(({ reason }) => reason !== "handoff_full") as Drop;
      this.#log.warn("message_dropped", lineOf(bad, first), fieldsOf(bad, first));
    }
    this.#drops.clear();
    return bad;
  }
}

function lineOf(count: number, { text }: Drop): string {
  return count === 1 ? `dropping a message: ${text}` : `dropping ${count} messages, the first because: ${text}`;
}

function fieldsOf(count: number, { reason, type, from }: Drop): Readonly<Record<string, unknown>> {
  return { reason, type, from, count };
}

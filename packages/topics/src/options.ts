import type { Memberlist } from "@memberlist/core";
import { checkOptions, duration, integer, type Rules } from "@memberlist/core/internal";

/** Options of {@link createTopics}. */
export interface TopicsOptions {
  /** The name of the channel. Members share topics only if all use the same name. Default `topics`. */
  readonly channel?: string;
  /**
   * How long each member keeps a message to repair others, in ms. A member that was not reachable for longer than half of it may miss messages. It should be
   * several times the push/pull interval, which grows to 3 min at 1,000 members. Default 10 min.
   */
  readonly retention?: number;
  /** The longest payload, in bytes, that this member publishes or accepts. Default 1 MiB. */
  readonly maxPayload?: number;
  /**
   * How many bytes of messages are kept for repair, with 256 for each besides its payload. When they exceed it, the oldest are dropped. The payloads of
   * retained values may take as many bytes again. Default 16 MiB.
   */
  readonly maxStoredBytes?: number;
  /** How many topics can have a retained value, at most 16,384. Default 1,024. */
  readonly maxRetained?: number;
}

export type ResolvedOptions = Readonly<Required<TopicsOptions>>;

/** The member functions that topics use. */
export type TopicsMember = Pick<Memberlist, "channel" | "config" | "get" | "members" | "queues">;

const rules: Rules<Omit<TopicsOptions, "channel">> = {
  retention: duration,
  maxPayload: integer(1, 16 * 1024 * 1024),
  maxStoredBytes: integer(1),
  maxRetained: integer(0, 16_384),
};

/** @throws MemberlistError `invalid_argument` */
export function resolveOptions({ channel = "topics", ...options }: TopicsOptions): ResolvedOptions {
  checkOptions("createTopics", options, rules);
  return {
    channel,
    retention: options.retention ?? 10 * 60_000,
    maxPayload: options.maxPayload ?? 1024 * 1024,
    maxStoredBytes: options.maxStoredBytes ?? 16 * 1024 * 1024,
    maxRetained: options.maxRetained ?? 1_024,
  };
}

import type { Memberlist } from "@memberlist/core";
import { checkOptions, integer, type Rules } from "@memberlist/core/internal";

/** The parts of a `Memberlist` that requests use. */
export type RequestsMember = Pick<Memberlist, "channel" | "config" | "get" | "localNode" | "members">;

/** Options of {@link createRequests}. */
export interface RequestsOptions {
  /**
   * How long a short request waits for its answer before it is sent again over a stream, in ms. Longer than a round trip and the usual handler
   * take. Default 250.
   */
  readonly retryAfter?: number;
  /** The requests of this member that may wait for an answer; more fail with `too_many_requests`. Default 4,096. */
  readonly maxPending?: number;
  /** The requests of other members whose handlers run at once. Default 64. */
  readonly maxConcurrent?: number;
  /**
   * How long a handler may run, in ms, however long the other member waits. Then its signal is aborted, and its place is free for another request.
   * Default 5 min.
   */
  readonly maxHandlerTime?: number;
  /** The requests of other members that may wait for a handler, with at most 32 MiB together; more are refused with `busy`. Default 1,024. */
  readonly maxQueued?: number;
  /** The streams that this member opens at once, for long requests, long answers and repeated requests. Default 32. */
  readonly maxStreams?: number;
}

export type ResolvedOptions = Required<RequestsOptions>;

const rules: Rules<RequestsOptions> = {
  retryAfter: integer(1, 60_000),
  maxPending: integer(1, 1_000_000),
  maxConcurrent: integer(1, 1_000_000),
  maxHandlerTime: integer(1, 24 * 60 * 60_000),
  maxQueued: integer(0, 1_000_000),
  maxStreams: integer(1, 1_000),
};

const defaults: ResolvedOptions = {
  retryAfter: 250,
  maxPending: 4_096,
  maxConcurrent: 64,
  maxHandlerTime: 5 * 60_000,
  maxQueued: 1_024,
  maxStreams: 32,
};

/** @throws MemberlistError `invalid_argument` */
export function resolveOptions(options: RequestsOptions): ResolvedOptions {
  checkOptions("createRequests", options, rules);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...defaults, ...given };
}

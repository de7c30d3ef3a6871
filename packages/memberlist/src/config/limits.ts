import { maxDecompressedBytes, maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes } from "../wire/input-limits.ts";

/** Twice the size of the largest known cluster. A push/pull of that many, about 20 MiB, still fits the other limits. */
const defaultMaxMembers = 131_072;

/**
 * Bounds on the memory and work that peers can cause on this node. Each can be lowered to 1. Only `maxMembers` and `maxPushStateNodes` can
 * be raised, because other members refuse messages above the other defaults. The limits apply to received data, not to sent data. A limit
 * below the needs of honest members cuts this node off, so leave ample room. Source: PROTOCOL.md section 4.
 */
export interface Limits {
  /** The application's state in a push/pull, in bytes. Default 20 MiB. */
  readonly maxPushStateBytes?: number;
  /**
   * Members in a push/pull, with the dead ones that are still remembered. Default: 2 · `maxMembers` + 1,024, which is 263,168 with the
   * default of `maxMembers`. At most 1,048,576.
   */
  readonly maxPushStateNodes?: number;
  /** One user message on a stream, in bytes. Default 20 MiB. */
  readonly maxUserMsgBytes?: number;
  /**
   * The decompressed size of one message on a stream, in bytes. It must have room for a whole push/pull, with up to about 700 bytes for
   * each member with full metadata. Default 40 MiB. Packets have a limit of 1 MiB at most.
   */
  readonly maxDecompressedBytes?: number;
  /** Inbound push/pulls in progress at once. Above it one is dropped as for `maxInboundStreams`. Default 128. */
  readonly maxPushPullRequests?: number;
  /**
   * The same for one IP address, which several members may share (one machine, one NAT). Default 64, or `maxPushPullRequests` if that is
   * less.
   */
  readonly maxPushPullRequestsPerPeer?: number;
  /**
   * The memory of the encoded states with which this node answers push/pulls, in bytes: encoded, and as sent. Requests that arrive together
   * share a state. Without room a request waits for at most `tcpTimeout`; streams that have used a state for half of that time are
   * dropped to make room. One state always has room. Default 128 MiB: at least three states of 20 MiB at once.
   */
  readonly maxPushPullAnswerBytes?: number;
  /**
   * Inbound streams open at once. Above it the IP address with the most streams loses one if it then still has more than the new stream's
   * address; a stream with an incomplete message goes first. Otherwise the new stream is closed (`stream_dropped.too_many_streams`).
   * Default 1,024.
   */
  readonly maxInboundStreams?: number;
  /**
   * The same for one IP address. Members that share an address (one machine, one NAT) share this limit. Default 256, or
   * `maxInboundStreams` if that is less.
   */
  readonly maxInboundStreamsPerPeer?: number;
  /**
   * The memory of all inbound streams together, in bytes: received bytes, decompressed bytes and decoded members of push/pulls, until the
   * work for the stream has ended. The stream that exceeds the limit is dropped. Default 256 MiB: about seven push/pulls of 20 MiB at once.
   */
  readonly maxInboundStreamBytes?: number;
  /**
   * Members that this node knows, with itself and the dead ones that are still remembered; at most 1,048,576. Above it new names are refused
   * until others are forgotten. Without encryption, anybody who can send a packet can forge members, and each makes every push/pull longer;
   * then set the limit to a few times the size of your cluster. Default 131,072.
   */
  readonly maxMembers?: number;
  /**
   * Queued membership broadcasts, at most one for each member. Above it those that were sent most often are dropped. Default 16,384.
   */
  readonly maxMembershipBroadcasts?: number;
  /** The bytes of queued membership broadcasts. A message that exceeds it alone is not gossiped. Default 16 MiB. */
  readonly maxMembershipBroadcastBytes?: number;
}

/** The name of a limit. Refusals because of it are counted as `limit.` and this name. */
export type LimitName = keyof Limits;

/** Every limit with its value. */
export type ResolvedLimits = Readonly<Required<Limits>>;

/** The maximum of each limit. It is also the default, except for `maxMembers` and `maxPushStateNodes`. */
export const limitMaxima: ResolvedLimits = Object.freeze({
  maxPushStateBytes,
  maxPushStateNodes,
  maxUserMsgBytes,
  maxDecompressedBytes,
  maxPushPullRequests: 128,
  maxPushPullAnswerBytes: 128 * 1024 * 1024,
  maxInboundStreams: 1_024,
  maxPushPullRequestsPerPeer: 64,
  maxInboundStreamsPerPeer: 256,
  maxInboundStreamBytes: 256 * 1024 * 1024,
  maxMembers: maxPushStateNodes,
  maxMembershipBroadcasts: 16_384,
  maxMembershipBroadcastBytes: 16 * 1024 * 1024,
});

/** The limits with defaults for missing or undefined ones. Returns a new, frozen object. */
export function resolveLimits(limits: Limits = {}): ResolvedLimits {
  const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
  const { maxMembers = defaultMaxMembers } = limits;
  // A peer may know more members than this node does, such as dead ones that this node has forgotten.
  const maxNodes = Math.min(2 * maxMembers + 1_024, limitMaxima.maxPushStateNodes);
  const resolved = { ...limitMaxima, maxPushStateNodes: maxNodes, maxMembers, ...given };
  return Object.freeze({
    ...resolved,
    maxInboundStreamsPerPeer: Math.min(resolved.maxInboundStreamsPerPeer, resolved.maxInboundStreams),
    maxPushPullRequestsPerPeer: Math.min(resolved.maxPushPullRequestsPerPeer, resolved.maxPushPullRequests),
  });
}

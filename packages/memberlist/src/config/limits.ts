import { maxDecompressedBytes, maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes } from "../wire/constants.ts";

/** Twice as many as any known cluster has; a push/pull of them, some 20 MiB, still fits the other limits. */
const defaultMaxMembers = 131_072;

/**
 * What peers may make this node hold. Each can be lowered, to 1 at least. Only `maxMembers` and `maxPushStateNodes` can be raised: other members refuse
 * what is over the other defaults. It bounds what is taken, not what is sent. A limit below what honest members send cuts this node off:
 * leave ample room. Source: PROTOCOL.md section 4.
 */
export interface Limits {
  /** The application's state in a push/pull, in bytes. Default 20 MiB. */
  readonly maxPushStateBytes?: number;
  /**
   * Members in a push/pull; the dead that are still remembered count. Default: twice `maxMembers` and 1,024 more, which is 263,168 where `maxMembers`
   * has its default. At most 1,048,576.
   */
  readonly maxPushStateNodes?: number;
  /** One user message on a stream, in bytes. Default 20 MiB. */
  readonly maxUserMsgBytes?: number;
  /**
   * What one message on a stream may decompress to, in bytes. A whole push/pull has to fit, at up to about 700 bytes for each
   * member with full metadata. Default 40 MiB. A packet has 1 MiB at most.
   */
  readonly maxDecompressedBytes?: number;
  /** Push/pulls that peers may have under way here at once. Above it one gives way as for `maxInboundStreams`. Default 128. */
  readonly maxPushPullRequests?: number;
  /**
   * The same for those from one IP address, which members may share (one machine, one NAT). Default 64, or `maxPushPullRequests` where
   * that is less.
   */
  readonly maxPushPullRequestsPerPeer?: number;
  /**
   * What this node's states take that answer the push/pulls of peers, in bytes: encoded, and as they are sent. Requests that come at once share a
   * state. A request that finds no room waits its turn, for `tcpTimeout` at most; streams that have been taking a state for half of that are dropped
   * for it. One state always has room. Default 128 MiB, which is three states of 20 MiB and more at once.
   */
  readonly maxPushPullAnswerBytes?: number;
  /**
   * Streams that peers may have open here at once. Above it the IP address with the most gives one up, if it still has more than the
   * newcomer's afterwards: first one whose message is not complete. Else the newcomer is closed (`stream_dropped.too_many_streams`).
   * Default 1,024.
   */
  readonly maxInboundStreams?: number;
  /**
   * The same for the streams from one IP address. Members that share an address (one machine, one NAT) share this, too.
   * Default 256, or `maxInboundStreams` where that is less.
   */
  readonly maxInboundStreamsPerPeer?: number;
  /**
   * What all the streams that peers have open here may hold together, in bytes: what was read of each, what it decompressed to, and the
   * decoded members of push/pulls, until the work for it has ended. The stream that goes over it is dropped. Default 256 MiB, which is some seven push/pulls of 20 MiB at once.
   */
  readonly maxInboundStreamBytes?: number;
  /**
   * Members that this node knows, itself and the dead that are still remembered included; at most 1,048,576. Over it, names that are
   * new are refused until others have been forgotten: whoever can send a packet can make up members, and each of them makes each
   * push/pull longer. Without encryption set it to a few times the size of your cluster. Default 131,072.
   */
  readonly maxMembers?: number;
  /**
   * Messages about members, one for each at most, that wait to be gossiped. Over it those that were sent most often are given up.
   * Default 16,384.
   */
  readonly maxMembershipBroadcasts?: number;
  /** Their bytes; a message that is over it by itself is not gossiped. Default 16 MiB. */
  readonly maxMembershipBroadcastBytes?: number;
}

/** What a node counts as `limit.` and this name whenever it refuses something because of it. */
export type LimitName = keyof Limits;

/** Every limit with its value. */
export type ResolvedLimits = Readonly<Required<Limits>>;

/** The most that each limit can be. It is the default, too, except for `maxMembers` and `maxPushStateNodes`. */
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

/** The limits with the defaults filled in for what is left out or undefined. A fresh, frozen object. */
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

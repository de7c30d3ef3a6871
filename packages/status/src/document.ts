import type {
  LeaveCause,
  MemberInfo,
  MemberlistSummary,
  NodeState,
  QueueLengths,
  RecentEvent,
  SuspectCause,
  Traffic,
} from "@memberlist/core";
import { formatAddress } from "@memberlist/core/transport";
import { decodeMeta, type DecodedMeta } from "./decode-meta.ts";
import type { StatusSource } from "./options.ts";
import { plain, type PlainValue } from "./plain.ts";

export type { NodeRef } from "./plain.ts";

/** The cause for which a member is suspect, dead or left. */
export type StatusCause = PlainValue<SuspectCause | LeaveCause>;

/** An entry of `members.recentEvents()`. Each node in it is a {@link NodeRef}, each error has its code and message. */
export type StatusEvent = PlainValue<RecentEvent>;

/** A member as this node sees it. Times in ms. */
export interface MemberStatus {
  /** The name of the member. */
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** Its state. */
  readonly state: NodeState;
  /** The time at which this node learned of `state`, in ms since the Unix epoch. */
  readonly since: number;
  /** The time since `since`. */
  readonly age: number;
  /** The average round-trip time; absent before the first ack, and for this node itself. */
  readonly rtt?: number;
  /** Its incarnation. */
  readonly incarnation: number;
  /** The lowest, highest and current version of the protocol. */
  readonly protocol: readonly [min: number, max: number, current: number];
  /** The same of the delegate's protocol. */
  readonly delegateProtocol: readonly [min: number, max: number, current: number];
  /** Its metadata. */
  readonly meta: DecodedMeta;
  /** Absent while the member is alive. */
  readonly cause?: StatusCause;
  /** The names of the members that suspect it now. */
  readonly accusers: readonly string[];
}

/** The traffic in the `elapsed` ms before `at`, in units per second. */
export interface StatusSample {
  /** In ms since the Unix epoch. */
  readonly at: number;
  /** The length of the sample, in ms. */
  readonly elapsed: number;
  /** Packets received. */
  readonly packetsIn: number;
  /** Packets sent. */
  readonly packetsOut: number;
  /** Bytes of packets and streams that were received. */
  readonly bytesIn: number;
  /** Bytes of packets and streams that were sent. */
  readonly bytesOut: number;
  /** Streams that were opened in either direction. */
  readonly streams: number;
  /** The median of the members' round-trip times at `at`, in ms. Absent before the first ack. */
  readonly rttMedian?: number;
  /** The 95th percentile of the same. */
  readonly rtt95?: number;
}

/** The values that change all the time. */
export interface StatusUpdate {
  /** In ms since the Unix epoch. */
  readonly at: number;
  /** The summary of this node: `members.toJSON()`. */
  readonly node: MemberlistSummary;
  /** The lengths of its queues: `members.queues()`. */
  readonly queues: QueueLengths;
  /** See `members.counters()`. */
  readonly counters: Readonly<Record<string, number>>;
  /** Since the node was created. */
  readonly traffic: Traffic;
}

/** The state of a node: the JSON of the status handler. */
export interface StatusDocument extends StatusUpdate {
  /** The version of the protocol that this node speaks. */
  readonly protocolVersion: number;
  /** The health score is at most this. */
  readonly healthScoreMax: number;
  /** Every known member in all states, this node included, in any order. */
  readonly members: readonly MemberStatus[];
  /** The last changes and log lines, the oldest first. */
  readonly events: readonly StatusEvent[];
  /** The oldest first. The handler takes samples only while clients read the status. */
  readonly samples: readonly StatusSample[];
}

export function updateOf(members: StatusSource): StatusUpdate {
  return {
    at: members.config.clock.wallTime(),
    node: members.toJSON(),
    queues: members.queues(),
    counters: members.counters(),
    traffic: members.traffic(),
  };
}

export function documentOf(
  members: StatusSource,
  infos: readonly MemberInfo[],
  events: readonly RecentEvent[],
  samples: readonly StatusSample[],
): StatusDocument {
  return {
    ...updateOf(members),
    protocolVersion: members.protocolVersion(),
    healthScoreMax: members.config.awarenessMaxMultiplier - 1,
    members: infos.map(memberStatus),
    events: events.map(plain),
    samples,
  };
}

export function memberStatus(member: MemberInfo): MemberStatus {
  const { name, addr, port, state, since, age, rtt, incarnation, cause, accusers, meta } = member;
  return {
    name,
    address: formatAddress({ host: addr, port }),
    state,
    since: Math.round(since),
    age: Math.round(age),
    ...(rtt === undefined ? {} : { rtt: milliseconds(rtt) }),
    incarnation,
    protocol: [member.pMin, member.pMax, member.pCur],
    delegateProtocol: [member.dMin, member.dMax, member.dCur],
    meta: decodeMeta(meta),
    ...(cause === undefined ? {} : { cause: plain(cause) }),
    accusers,
  };
}

/** Rounds a duration in ms to microseconds, to save bytes. */
export function milliseconds(duration: number): number {
  return Math.round(duration * 1_000) / 1_000;
}

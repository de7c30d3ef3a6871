import type { ErrorCode, FetchedMembers, Node } from "@memberlist/core";

/** The result of a stream to an address. */
export type StreamResult =
  | { readonly view: FetchedMembers; readonly ms: number }
  | {
      readonly code: ErrorCode;
      readonly message: string;
      /** A process accepted the connection. */
      readonly connected: boolean;
      /** The peer closed the stream without an answer, most likely because it has another label. */
      readonly unanswered: boolean;
    };

/** One ping and its round-trip time, in ms; undefined without an ack. */
export interface PingResult {
  readonly sentAt: number;
  readonly rtt: number | undefined;
}

/** The results for a member that is alive or suspect. */
export interface MemberCheck {
  readonly node: Node;
  readonly stream: StreamResult;
  readonly pings: readonly PingResult[];
  /** Another node has the address: it answered a ping without a name, but no ping with the name of this member. */
  readonly isAnother: boolean;
  /** The largest packet that arrives, in bytes; undefined if the largest packet that members send arrives. */
  readonly largestPacket: number | undefined;
  /** For a member without acks: whether packets from here arrive; undefined if unknown. */
  readonly isReached: boolean | undefined;
  /** For a member without acks: whether another member gets acks from it; undefined if unknown. */
  readonly answersOthers: boolean | undefined;
}

/** Two members that do not get acks from each other. */
export interface PairCheck {
  readonly first: string;
  readonly second: string;
  /** Whether packets pass from the first to the second; undefined if unknown. */
  readonly forward: boolean | undefined;
  readonly back: boolean | undefined;
}

/** One seed of the command line. */
export interface SeedCheck {
  readonly seed: string;
  readonly stream: StreamResult;
  /** The member that answers at the seed, but advertises another address. */
  readonly elsewhere: { readonly node: Node; readonly isReachable: boolean } | undefined;
}

/** A name that members list with different addresses. */
export interface NameCheck {
  readonly name: string;
  readonly addresses: readonly {
    readonly address: string;
    readonly listedBy: readonly string[];
    /** A node with the name answers at the address. */
    readonly answers: boolean;
  }[];
}

/** The results for a cluster. */
export interface Examination {
  readonly seeds: readonly SeedCheck[];
  readonly members: readonly MemberCheck[];
  readonly names: readonly NameCheck[];
  readonly pairs: readonly PairCheck[];
  /** The number of pairs that were tested. */
  readonly pairsTried: number;
  /** Members that are dead or have left. */
  readonly gone: readonly Node[];
  /** The number of members that were not examined, because they exceed the limit. */
  readonly leftOut: number;
  /** The longest delay of this process's own timers, in ms. */
  readonly ownLag: number;
}

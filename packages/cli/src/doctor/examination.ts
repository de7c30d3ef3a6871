import type { ErrorCode, FetchedMembers, Node } from "@memberlist/core";

/** What a stream to an address has shown. */
export type StreamResult =
  | { readonly view: FetchedMembers; readonly ms: number }
  | {
      readonly code: ErrorCode;
      readonly message: string;
      /** Something accepted the connection. */
      readonly connected: boolean;
      /** It was closed without an answer: most likely another label. */
      readonly unanswered: boolean;
    };

/** One ping and its round-trip time, in ms; undefined if no ack came. */
export interface PingResult {
  readonly sentAt: number;
  readonly rtt: number | undefined;
}

/** What was found out about a member that is alive or suspect. */
export interface MemberCheck {
  readonly node: Node;
  readonly stream: StreamResult;
  readonly pings: readonly PingResult[];
  /** A ping without a name was answered, although none with its name was: another node has the address. */
  readonly isAnother: boolean;
  /** The largest packet that gets there, in bytes, if the largest one that members send does not. */
  readonly largestPacket: number | undefined;
  /** Without acks: whether packets from here get there all the same. Undefined: that could not be found out. */
  readonly isReached: boolean | undefined;
  /** Without acks: another member gets acks from it. */
  readonly answersOthers: boolean | undefined;
}

/** Two members that do not get acks from each other. */
export interface PairCheck {
  readonly first: string;
  readonly second: string;
  /** Whether packets get from the first to the second; undefined: that could not be found out. */
  readonly forward: boolean | undefined;
  readonly back: boolean | undefined;
}

/** One seed of the command line. */
export interface SeedCheck {
  readonly seed: string;
  readonly stream: StreamResult;
  /** The member that answers there under another address than it advertises. */
  readonly elsewhere: { readonly node: Node; readonly isReachable: boolean } | undefined;
}

/** A name that members list with different addresses. */
export interface NameCheck {
  readonly name: string;
  readonly addresses: readonly {
    readonly address: string;
    readonly listedBy: readonly string[];
    /** A node of that name answers there. */
    readonly answers: boolean;
  }[];
}

/** All that was found out. */
export interface Examination {
  readonly seeds: readonly SeedCheck[];
  readonly members: readonly MemberCheck[];
  readonly names: readonly NameCheck[];
  readonly pairs: readonly PairCheck[];
  /** How many pairs were tried. */
  readonly pairsTried: number;
  /** Members that are dead or have left. */
  readonly gone: readonly Node[];
  /** Members beyond the limit, which were not examined. */
  readonly leftOut: number;
  /** How late this process's own timers were at most, in ms. */
  readonly ownLag: number;
}

import type { LeaveCause, SuspectCause } from "./causes.ts";
import type { Node, NodeState } from "./node.ts";

/** A member, and what this node knows about it besides: a picture of the moment, which does not change any more. */
export interface MemberInfo extends Node {
  /** When this node learned of `state`, in ms since the Unix epoch. */
  readonly since: number;
  /** How long ago that was, in ms. */
  readonly age: number;
  /**
   * Its round trip in ms, as our own probes find it (acks of direct pings): a moving estimate that goes an eighth of the way to each
   * new value. Undefined before the first one, and for ourselves.
   */
  readonly rtt: number | undefined;
  /** Why it is suspect, dead or left; undefined for who is alive. */
  readonly cause: SuspectCause | LeaveCause | undefined;
  /** Who suspects it now, the first one first. */
  readonly accusers: readonly string[];
}

export interface MembersOptions {
  /** In which states. The dead and those who left are forgotten some time after `gossipToTheDeadTime`. Default: all four. */
  readonly states?: readonly NodeState[];
}

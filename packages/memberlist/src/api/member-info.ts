import type { LeaveCause, SuspectCause } from "./causes.ts";
import type { Node } from "./node.ts";

/** A member, and what this node knows about it besides: an immutable view of the moment. */
export interface MemberInfo extends Node {
  /** When this node learned of `state`, in ms since the Unix epoch. */
  readonly since: number;
  /** How long ago that was, in ms. */
  readonly age: number;
  /**
   * The round trip to the member in ms, measured by this node's own probes (acks of direct pings): a moving estimate that goes an eighth
   * of the way to each new value. Undefined before the first ack, and for this node itself.
   */
  readonly rtt: number | undefined;
  /** Why the member is suspect, dead or left; undefined while it is alive. */
  readonly cause: SuspectCause | LeaveCause | undefined;
  /** The names of the members that suspect it now, the first one first. */
  readonly accusers: readonly string[];
}

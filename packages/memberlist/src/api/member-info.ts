import type { LeaveCause, SuspectCause } from "./causes.ts";
import type { Node } from "./node.ts";

/** A member with this node's observations of it: an immutable view. */
export interface MemberInfo extends Node {
  /** When this node learned of `state`, in ms since the Unix epoch. */
  readonly since: number;
  /** The time since `since`, in ms. */
  readonly age: number;
  /**
   * The round-trip time to the member in ms, from the acks of this node's direct pings: a moving average in which each new value has a
   * weight of one eighth. Undefined before the first ack, and for this node itself.
   */
  readonly rtt: number | undefined;
  /** Why the member is suspect, dead or left; undefined while it is alive. */
  readonly cause: SuspectCause | LeaveCause | undefined;
  /** The names of the members that currently suspect it, the first one first. */
  readonly accusers: readonly string[];
}

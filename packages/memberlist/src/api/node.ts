import type { LeaveCause, SuspectCause } from "./causes.ts";

/** A member's state as this node sees it. */
export type NodeState = "alive" | "suspect" | "dead" | "left";

export const nodeStates: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

/** An immutable view of a member. Each change of the member makes a new view. */
export interface Node {
  /** Unique in the cluster. */
  readonly name: string;
  /** A literal IPv4 or IPv6 address. */
  readonly addr: string;
  /** The gossip port. */
  readonly port: number;
  /** The node's metadata, at most 512 bytes. Do not modify it. Its buffer may hold other metadata, too. */
  readonly meta: Uint8Array;
  /** The member's state, as this node sees it. */
  readonly state: NodeState;
  /** The version of the node's state, which orders messages about it. Only the node itself raises it. */
  readonly incarnation: number;
  /** The lowest, highest and current protocol version that the node speaks. */
  readonly pMin: number;
  /** The highest protocol version. */
  readonly pMax: number;
  /** The current protocol version. */
  readonly pCur: number;
  /** The lowest, highest and current version of its delegate's protocol. */
  readonly dMin: number;
  /** The highest delegate protocol version. */
  readonly dMax: number;
  /** The current delegate protocol version. */
  readonly dCur: number;
}

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

import { type NodeState, nodeStates } from "./node.ts";
import { abortSignal, boolean, integer, timeout, type Rules } from "../util/value-rules.ts";

/** Limits how long a call waits. */
export interface WaitOptions {
  /** In ms; 0 for no limit. */
  readonly timeout?: number;
  /** Stops waiting: the call fails with `aborted`, and its `cause` is the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Options of {@link Memberlist.ping}. */
export type PingOptions = Pick<WaitOptions, "signal">;

/** Options of {@link Memberlist.ready}. */
export interface ReadyOptions extends WaitOptions {
  /** The number of members to wait for, this node included; 1 or more. Default 2: one other member. */
  readonly members?: number;
}

/** Options of {@link Memberlist.updateNode}. */
export interface UpdateNodeOptions extends WaitOptions {
  /** The new metadata, at most 512 bytes. Default: the result of the delegate's `nodeMeta`, or else the current metadata. */
  readonly meta?: Uint8Array;
}

/** Options of {@link Memberlist.members}. */
export interface MembersOptions {
  /** Return members in these states. Dead and left members are forgotten some time after `gossipToTheDeadTime`. Default: all four. */
  readonly states?: readonly NodeState[];
}

/** Options of {@link Memberlist.events}. */
export interface EventStreamOptions {
  /** How many events the stream buffers, 1 or more; beyond it the oldest are dropped. Default: `eventsCapacity` of the config (1,024). */
  readonly capacity?: number;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** The changes for {@link Memberlist.setGossipVerify}. A missing field keeps its value. */
export interface GossipVerify {
  /** As `gossipVerifyIncoming` of the config: refuse messages that arrive in plaintext. */
  readonly incoming?: boolean;
  /** As `gossipVerifyOutgoing` of the config: encrypt outgoing messages. */
  readonly outgoing?: boolean;
}

export const waitRules: Rules<WaitOptions> = { timeout, signal: abortSignal };
export const pingRules: Rules<PingOptions> = { signal: abortSignal };
export const readyRules: Rules<ReadyOptions> = { ...waitRules, members: integer(1) };
export const updateNodeRules: Rules<UpdateNodeOptions> = {
  ...waitRules,
  meta: { expected: "a Uint8Array", accepts: (value) => value instanceof Uint8Array },
};
export const membersRules: Rules<MembersOptions> = {
  states: {
    expected: `a list of ${nodeStates.join(", ")}`,
    accepts: (value) => Array.isArray(value) && value.every((state) => (nodeStates as readonly unknown[]).includes(state)),
  },
};
export const eventStreamRules: Rules<EventStreamOptions> = { capacity: integer(1), signal: abortSignal };
export const gossipVerifyRules: Rules<GossipVerify> = { incoming: boolean, outgoing: boolean };

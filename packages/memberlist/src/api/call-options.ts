import type { NodeState } from "./node.ts";
import { nodeStates } from "./node.ts";
import { abortSignal, boolean, integer, timeout, type Rules } from "../util/rules.ts";

/** How long a call waits. */
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
  /** How many members there must be, this node included; from 1. Default 2: somebody else is there. */
  readonly members?: number;
}

/** Options of {@link Memberlist.updateNode}. */
export interface UpdateNodeOptions extends WaitOptions {
  /** The new metadata, at most 512 bytes. Default: what the delegate's `nodeMeta` returns, or else the present metadata. */
  readonly meta?: Uint8Array;
}

/** Options of {@link Memberlist.members}. */
export interface MembersOptions {
  /** Return members in these states. Dead and left members are forgotten some time after `gossipToTheDeadTime`. Default: all four. */
  readonly states?: readonly NodeState[];
}

/** Options of {@link Memberlist.events}. */
export interface EventStreamOptions {
  /** The most events that wait for the reader, from 1; then the oldest are dropped. Default: `eventsCapacity` of the config (1,024). */
  readonly capacity?: number;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** Changes by {@link Memberlist.setGossipVerify}; what is left out stays as it is. */
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

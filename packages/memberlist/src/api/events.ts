import type { LeaveCause, SuspectCause } from "./causes.ts";
import type { Healed, Isolated } from "./healing-events.ts";
import type { QueueFullPolicy } from "../swim/broadcast-queue.ts";
import type { Node } from "./node.ts";
import type { LogFields, LogLevel } from "../ports/logger.ts";

/** A change of the membership. `at` is when this node learned of it, in ms since the Unix epoch. */
export type MemberEvent =
  /** The node is new, or back. */
  | { readonly type: "join"; readonly node: Node; readonly at: number }
  /** The node died (`node.state` is "dead") or left on purpose ("left"); `cause` has the reason. */
  | { readonly type: "leave"; readonly node: Node; readonly cause: LeaveCause; readonly at: number }
  /** The node's metadata changed. */
  | { readonly type: "update"; readonly node: Node; readonly at: number }
  /** The node did not answer. `from` is the member that suspects it, `cause` the reason. It is declared dead unless it refutes in time. */
  | { readonly type: "suspect"; readonly node: Node; readonly from: string; readonly cause: SuspectCause; readonly at: number }
  /** A suspect has refuted the suspicion. */
  | { readonly type: "alive"; readonly node: Node; readonly at: number }
  /** This node has refuted a suspicion of itself; `from` is the member that suspected it, "" if it was an old message. */
  | { readonly type: "refute"; readonly node: Node; readonly from: string; readonly at: number }
  | ConflictEvent
  /** The event loop of this process (`node`) was blocked for `probeTimeout` or more: its timers fired `late` ms late. */
  | { readonly type: "event_loop_blocked"; readonly node: Node; readonly late: number; readonly at: number }
  | AddressLostEvent
  | IsolatedEvent
  | HealedEvent
  | LabelMismatchEvent
  | QueueFullEvent;

/**
 * Another node, `other`, uses the name of `node`. The first ten conflicts are reported at once, then one a second, for this node's own name and
 * for all other names each; `dropped.name_conflict` counts all. The conflict delegate is called for the same ones.
 */
export interface ConflictEvent {
  readonly type: "conflict";
  readonly node: Node;
  readonly other: Node;
  /** Conflicts that were not reported since the last one that was. */
  readonly suppressed: number;
  readonly at: number;
}

/**
 * The machine has lost the address that this node (`node`) advertises: others cannot reach it, and will declare it dead. Where
 * `advertiseAddr` is a function, it is asked for another one; else restart the node.
 */
export interface AddressLostEvent {
  readonly type: "address_lost";
  readonly node: Node;
  /** `host:port`, as it was advertised. */
  readonly address: string;
  readonly at: number;
}

/** See {@link Isolated}. */
export interface IsolatedEvent extends Isolated {
  readonly at: number;
}

/** See {@link Healed}. */
export interface HealedEvent extends Healed {
  readonly at: number;
}

/**
 * A packet or stream with another label was dropped: two clusters share a network, or a member has the wrong label. There are ten events
 * at once, and then one a second; the counters `dropped.label_mismatch` and `stream_dropped.label_mismatch` have all.
 */
export interface LabelMismatchEvent {
  readonly type: "label_mismatch";
  /** `host:port`, as the packet or the stream says it: a packet's sender can be forged. */
  readonly from: string;
  readonly over: "packet" | "stream";
  /** What came instead of our label, at most 255 characters; "" for none. Whoever sent it chose it: text to show, not to trust. */
  readonly label: string;
  /** How many were left out since the last event. */
  readonly suppressed: number;
  readonly at: number;
}

/** What the library logged: a drop, a refusal, a failure. */
export interface LogEvent {
  readonly type: "log";
  readonly level: LogLevel;
  /** Stable: what happened. */
  readonly code: string;
  /** For people. */
  readonly message: string;
  /** The facts: who, from where, why; `suppressed` lines of this code came before it and were left out. */
  readonly fields: LogFields;
  readonly at: number;
}

/** What `members.recentEvents()` remembers. */
export type RecentEvent = MemberEvent | LogEvent;

/**
 * A message of `broadcast()` was lost, or refused, because its queue is full. There are ten events at once, and then one a second; the
 * counters `broadcast_dropped.…` have all.
 */
export interface QueueFullEvent {
  readonly type: "queue_full";
  readonly policy: QueueFullPolicy;
  /** How many messages wait. */
  readonly count: number;
  /** Their bytes. */
  readonly bytes: number;
  /** How many were left out since the last event. */
  readonly suppressed: number;
  readonly at: number;
}

/** Events in order, from when `events()` was called; ends at shutdown. One reader at a time. */
export interface EventStream extends AsyncIterableIterator<MemberEvent> {
  /** How many events this stream lost, the oldest first, because its reader was too slow. */
  readonly dropped: number;
  next(): Promise<IteratorResult<MemberEvent, undefined>>;
  return(): Promise<IteratorResult<MemberEvent, undefined>>;
  [Symbol.asyncIterator](): EventStream;
}

import type { LeaveCause, SuspectCause } from "./causes.ts";
import type { QueueFullPolicy } from "../swim/broadcast-queue.ts";
import type { Node } from "./node.ts";
import type { LogFields, LogLevel } from "../ports/logger.ts";
import type { MemberlistError } from "./errors.ts";

/** A change of the membership. `at` is the time at which this node learned of it, in ms since the Unix epoch. */
export type MemberEvent =
  /** The node joined, or returned. */
  | { readonly type: "join"; readonly node: Node; readonly at: number }
  /** The node died (`node.state` is "dead") or left on purpose ("left"). `cause` has the details. */
  | { readonly type: "leave"; readonly node: Node; readonly cause: LeaveCause; readonly at: number }
  /** The node's metadata changed. */
  | { readonly type: "update"; readonly node: Node; readonly at: number }
  /** The member `from` suspects the node because of `cause`. The node is declared dead unless it refutes in time. */
  | { readonly type: "suspect"; readonly node: Node; readonly from: string; readonly cause: SuspectCause; readonly at: number }
  /** A suspect node refuted the suspicion. */
  | { readonly type: "alive"; readonly node: Node; readonly at: number }
  /** This node refuted a message about itself. `from` suspected it; "" if the message was only outdated. */
  | { readonly type: "refute"; readonly node: Node; readonly from: string; readonly at: number }
  | ConflictEvent
  /** The event loop of this process (`node`) was blocked for `probeTimeout` or more: its timers fired `late` ms late. */
  | { readonly type: "event_loop_blocked"; readonly node: Node; readonly late: number; readonly at: number }
  /**
   * This node (`node`) runs in a thread, and the event loop of its application was blocked for `silentFor` ms. The node stops answering until
   * the application runs again.
   */
  | { readonly type: "application_unresponsive"; readonly node: Node; readonly silentFor: number; readonly at: number }
  /** The thread of this node (`node`) has ended because of `error`. It is started again, unless ten starts in a row have failed. */
  | { readonly type: "thread_failed"; readonly node: Node; readonly error: MemberlistError; readonly at: number }
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
  /** The kind of the event. */
  readonly type: "conflict";
  /** The member that has the name. */
  readonly node: Node;
  /** The other node of this name. */
  readonly other: Node;
  /** How many conflicts were left out since the last reported one. */
  readonly suppressed: number;
  /** When it happened, in ms since the Unix epoch. */
  readonly at: number;
}

/**
 * The machine has lost the address that this node (`node`) advertises. Other members cannot reach it, and will declare it dead. If
 * `advertiseAddr` is a function, the node calls it for a new address; otherwise restart the node.
 */
export interface AddressLostEvent {
  /** The kind of the event. */
  readonly type: "address_lost";
  /** This node. */
  readonly node: Node;
  /** The advertised `host:port`. */
  readonly address: string;
  /** When it happened, in ms since the Unix epoch. */
  readonly at: number;
}

/** See {@link Isolated}. */
export interface IsolatedEvent extends Isolated {
  /** When it happened, in ms since the Unix epoch. */
  readonly at: number;
}

/** See {@link Healed}. */
export interface HealedEvent extends Healed {
  /** When it happened, in ms since the Unix epoch. */
  readonly at: number;
}

/**
 * A packet or a stream with a different label was dropped: two clusters share a network, or a member has the wrong label. Ten are
 * reported at once, and then one a second; `dropped.label_mismatch` and `stream_dropped.label_mismatch` count all.
 */
export interface LabelMismatchEvent {
  /** The kind of the event. */
  readonly type: "label_mismatch";
  /** The `host:port` of the sender. A packet's sender can be forged. */
  readonly from: string;
  /** Whether a packet or a stream had the label. */
  readonly over: "packet" | "stream";
  /** The received label, at most 255 characters; "" for none. The sender chose it: show it, but do not trust it. */
  readonly label: string;
  /** How many mismatches were left out since the last reported one. */
  readonly suppressed: number;
  /** When it happened, in ms since the Unix epoch. */
  readonly at: number;
}

/** A log line of the library: a drop, a refusal or a failure. */
export interface LogEvent {
  /** The kind of the event. */
  readonly type: "log";
  /** The level of the line. */
  readonly level: LogLevel;
  /** The stable code of the line. */
  readonly code: string;
  /** For people. */
  readonly message: string;
  /** The facts. `suppressed` is the number of earlier lines of this code that were left out. */
  readonly fields: LogFields;
  /** When it was logged, in ms since the Unix epoch. */
  readonly at: number;
}

/** An entry of `members.recentEvents()`. */
export type RecentEvent = MemberEvent | LogEvent;

/**
 * The full queue of `broadcast()` dropped or refused a message. Ten are reported at once, and then one a second;
 * `broadcast_dropped.oldest`, `.newest` and `.rejected` count all.
 */
export interface QueueFullEvent {
  /** The kind of the event. */
  readonly type: "queue_full";
  /** The config's `broadcastQueue.whenFull`. */
  readonly policy: QueueFullPolicy;
  /** The number of queued messages. */
  readonly count: number;
  /** The bytes of the queued messages. */
  readonly bytes: number;
  /** How many messages were left out since the last reported one. */
  readonly suppressed: number;
  /** When it happened, in ms since the Unix epoch. */
  readonly at: number;
}

/** The events since the call of `events()`, in order. It ends at the shutdown. One reader at a time. */
export interface EventStream extends AsyncIterableIterator<MemberEvent> {
  /** How many events this stream dropped because its reader was too slow. */
  readonly dropped: number;
  /** The next event; `done` once the stream has ended. */
  next(): Promise<IteratorResult<MemberEvent, undefined>>;
  /** Ends the stream. */
  return(): Promise<IteratorResult<MemberEvent, undefined>>;
  /** The stream itself. */
  [Symbol.asyncIterator](): EventStream;
}

/** One attempt to reach a member or a seed that is not alive. */
export interface HealingAttempt {
  /** The seed as given to `join` (or the function's name); undefined for a dead member. */
  readonly seed?: string;
  /** The name of the dead member; undefined for a seed. */
  readonly node?: string;
  /** `host:port`; "" if the seed could not be resolved. */
  readonly address: string;
  /** Undefined if it was reached. */
  readonly error?: MemberlistError;
  /** The duration of the attempt, in ms. */
  readonly elapsed: number;
}

/** No other member is alive any more, or no seed could be reached yet. Healing continues its attempts. */
export interface Isolated {
  /** The kind of the event. */
  readonly type: "isolated";
  /** How many dead members healing tries. */
  readonly lost: number;
  /** How many seeds healing tries. */
  readonly seeds: number;
  /** The last 16 attempts since healing last found a member, in order. */
  readonly tried: readonly HealingAttempt[];
}

/** An attempt of this node brought members back, or another member found this isolated node. */
export interface Healed {
  /** The kind of the event. */
  readonly type: "healed";
  /** The number of members now, this node included. */
  readonly members: number;
  /** The attempt that succeeded; undefined if another member found this node. */
  readonly via?: HealingAttempt;
  /** As in {@link Isolated}, with `via`. */
  readonly tried: readonly HealingAttempt[];
}

import type { Node } from "./node.ts";

/**
 * The application's side of gossip. Every method is optional, is called after the library's own state is committed, and may
 * call back into the library. What it throws (or rejects with) is logged and counted as `delegate_error`, and breaks nothing.
 */
export interface Delegate {
  /** This node's metadata, at most `limit` bytes (512). Asked at start and by `updateNode()`. */
  nodeMeta?(limit: number): Uint8Array;
  /**
   * A user message has arrived (broadcast, best effort, or reliable). The bytes are the delegate's to keep.
   * Must not block: packets wait meanwhile.
   */
  notifyMsg?(message: Uint8Array): void;
  /** User broadcasts to put into the packet being filled: each costs `overhead` + its length; together at most `limit` bytes. */
  getBroadcasts?(overhead: number, limit: number): Uint8Array[];
  /**
   * The application's state for a push/pull; `join` is true when it is for a join. At most 20 MiB. Peers that ask within the same moment share one
   * call (for the same `join`): it comes after the request of each of them.
   */
  localState?(join: boolean): Uint8Array;
  /** A peer's application state out of a push/pull. */
  mergeRemoteState?(state: Uint8Array, join: boolean): void;
}

/** Membership changes, as callbacks. `members.events()` is the same as an async iterator. */
export interface EventDelegate {
  notifyJoin?(node: Node): void;
  /** The node died (`state` is "dead") or left on purpose ("left"). */
  notifyLeave?(node: Node): void;
  /** The node's metadata changed. */
  notifyUpdate?(node: Node): void;
}

/** Told of two nodes that claim one name. */
export interface ConflictDelegate {
  notifyConflict(existing: Node, other: Node): void;
}

/** May refuse a merge of two clusters. */
export interface MergeDelegate {
  /** Called with all the peer's nodes when somebody joins. Throw to refuse; the join then fails with `merge_refused`. */
  notifyMerge(peers: readonly Node[]): void;
}

/** Hears of every answered probe. */
export interface PingDelegate {
  /** Sent along with our acks; keep it small. */
  ackPayload?(): Uint8Array;
  /** @param rtt in ms, from just before the ping was sent to when the ack arrived */
  notifyPingComplete?(other: Node, rtt: number, payload: Uint8Array): void;
}

/** May refuse single nodes. */
export interface AliveDelegate {
  /** Called for every alive message. Throw to have it ignored. */
  notifyAlive(peer: Node): void;
}

import type { Address } from "./address.ts";
import type { Node } from "./node.ts";

/**
 * The application's side of gossip (`config.delegate`). Every method is optional. The library calls it after its own state is committed, so
 * a method may call back into the library. What it throws (or rejects with) is logged and counted as `delegate_failed`, and breaks nothing.
 *
 * @example
 * const delegate: Delegate = {
 *   nodeMeta: () => new TextEncoder().encode("role=web"),
 *   notifyMsg: (message, from) => console.log(from.host, new TextDecoder().decode(message)),
 * };
 */
export interface Delegate {
  /** This node's metadata, at most `limit` bytes (512). Called at the start and by `updateNode()`. */
  nodeMeta?(limit: number): Uint8Array;
  /**
   * A user message has arrived: broadcast, best effort, or reliable. The bytes are the delegate's to keep. Must not block: packets wait
   * meanwhile.
   *
   * @param from where it came from. A packet's is the gossip address of the node that sent it, to which a reply can be sent; a stream's has
   *   that node's IP, and the port of this one connection. It need not be the message's author: a broadcast comes from the member that
   *   passed it on last; put the author's name into the message if it matters. Do not take it for proof either: without encryption
   *   anybody can forge a packet's source. `name` is "", unless the transport has verified who the peer is (QUIC)
   */
  notifyMsg?(message: Uint8Array, from: Address): void;
  /** User broadcasts to put into the packet being filled: each costs `overhead` + its length; together at most `limit` bytes. */
  getBroadcasts?(overhead: number, limit: number): Uint8Array[];
  /**
   * The application's state for a push/pull; `join` is true when it is for a join. At most 20 MiB. Peers that ask at the same moment share
   * one call (for the same `join`), which is made after the request of each of them.
   */
  localState?(join: boolean): Uint8Array;
  /** A peer's application state, from a push/pull. */
  mergeRemoteState?(state: Uint8Array, join: boolean): void;
}

/**
 * Joins, leaves and updates as callbacks (`config.events`), from the start of the node on. They run within the library: they must not block.
 * `members.events()` has these and all other events as an async iterator, from its call on, buffered for a slow reader.
 */
export interface EventDelegate {
  /** A node is new, or is back. */
  notifyJoin?(node: Node): void;
  /** The node died (`state` is "dead") or left on purpose ("left"). */
  notifyLeave?(node: Node): void;
  /** The node's metadata changed. */
  notifyUpdate?(node: Node): void;
}

/** Notified of two nodes that use one name (`config.conflict`). */
export interface ConflictDelegate {
  notifyConflict(existing: Node, other: Node): void;
}

/** Can refuse a merge of two clusters (`config.merge`). */
export interface MergeDelegate {
  /** Called with all the peer's nodes when somebody joins. Throw to refuse; the join then fails with `merge_refused`. */
  notifyMerge(peers: readonly Node[]): void;
}

/** Notified of every answered probe (`config.ping`). */
export interface PingDelegate {
  /** Sent with this node's acks; keep it small. */
  ackPayload?(): Uint8Array;
  /** @param rtt in ms, from just before the ping was sent to when the ack arrived */
  notifyPingComplete?(other: Node, rtt: number, payload: Uint8Array): void;
}

/** Can refuse single nodes (`config.alive`). */
export interface AliveDelegate {
  /** Called for every alive message. Throw to have the message ignored. */
  notifyAlive(peer: Node): void;
}

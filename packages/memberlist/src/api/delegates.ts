import type { Address } from "./address.ts";
import type { Node } from "./node.ts";

/**
 * The application's side of gossip (`config.delegate`). Every method is optional. The library calls a method after it has changed its own
 * state, so the method may call the library. An error that a method throws (or rejects with) is logged and counted as `delegate_failed`.
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
   * Called for each user message: a broadcast, or sent by `sendBestEffort` or `sendReliable`. The delegate may keep the bytes, but
   * must copy them before it changes or transfers them: other messages may be in the same buffer. It must not block, because packets wait
   * meanwhile.
   *
   * @param from the address of the sender. For a packet it is the sender's gossip address, and a reply can be sent to it. For a stream it
   *   has the sender's IP and the port of this connection. The sender of a broadcast is the member that relayed it last, so put the
   *   author's name into the message. Do not trust the address: without encryption anybody can forge a packet's source. `name` is "",
   *   unless the transport has verified the peer's name (QUIC)
   */
  notifyMsg?(message: Uint8Array, from: Address): void;
  /** Returns user broadcasts for the next packet. Each costs `overhead` + its length; together they have at most `limit` bytes. */
  getBroadcasts?(overhead: number, limit: number): Uint8Array[];
  /**
   * Returns the application's state for a push/pull, at most 20 MiB. `join` is true if the push/pull is for a join. Peers that request a
   * state at the same time share one call (for the same `join`). The call is made after all of their requests. A promise must resolve
   * within half of `tcpTimeout`; otherwise the exchange goes on without the application's state, which is counted as `delegate_failed`.
   */
  localState?(join: boolean): Uint8Array | Promise<Uint8Array>;
  /** Called with the application state of the peer of a push/pull. */
  mergeRemoteState?(state: Uint8Array, join: boolean): void;
}

/**
 * Callbacks for joins, leaves and updates (`config.events`), from the start of the node. They run within the library, so they must not
 * block. `members.events()` has these and all other events as an async iterator, from its call on, with a buffer for a slow reader.
 */
export interface EventDelegate {
  /** A node joined, or returned. */
  notifyJoin?(node: Node): void;
  /** The node died (`state` is "dead") or left on purpose ("left"). */
  notifyLeave?(node: Node): void;
  /** The node's metadata changed. */
  notifyUpdate?(node: Node): void;
}

/** Notified when two nodes use one name (`config.conflict`). */
export interface ConflictDelegate {
  /** Called with the member that has the name, and with the other node of this name. */
  notifyConflict(existing: Node, other: Node): void;
}

/** Can refuse a merge of two clusters (`config.merge`). */
export interface MergeDelegate {
  /** Called with all nodes of the peer of a join, on both sides. Throw to refuse; the join then fails with `merge_refused`. */
  notifyMerge(peers: readonly Node[]): void;
}

/** Notified of every answered probe (`config.ping`). */
export interface PingDelegate {
  /** Returns the payload of this node's acks; keep it small. */
  ackPayload?(): Uint8Array;
  /**
   * Called for each ack of a probe.
   *
   * @param rtt from just before the ping was sent until the ack arrived, in ms
   */
  notifyPingComplete?(other: Node, rtt: number, payload: Uint8Array): void;
}

/** Can refuse single nodes (`config.alive`). */
export interface AliveDelegate {
  /** Called for every alive message. Throw to have the message ignored. */
  notifyAlive(peer: Node): void;
}

/** The purpose of a selection. `probe`: members to probe; `indirectProbe`: members to ask for an indirect probe. */
export type SelectPurpose = "probe" | "indirectProbe" | "gossip" | "pushPull";

/**
 * Chooses some of `candidates`, the members that can be selected. It must not block, because it is called several times a second. If it
 * throws, or returns no candidate, all candidates are used and the counter `select_nodes_failed` rises.
 */
export type SelectNodes = (purpose: SelectPurpose, candidates: readonly Node[]) => readonly Node[];

/** A member's state as this node sees it. */
export type NodeState = "alive" | "suspect" | "dead" | "left";

export const nodeStates: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

/** An immutable view of a member. Each change of the member makes a new view. */
export interface Node {
  /** Unique in the cluster. */
  readonly name: string;
  /** A literal IPv4 or IPv6 address. */
  readonly addr: string;
  readonly port: number;
  /** The node's metadata, at most 512 bytes. Do not modify it. Its buffer may hold other metadata, too. */
  readonly meta: Uint8Array;
  readonly state: NodeState;
  /** The version of the node's state, which orders messages about it. Only the node itself raises it. */
  readonly incarnation: number;
  /** The lowest, highest and current protocol version that the node speaks. */
  readonly pMin: number;
  readonly pMax: number;
  readonly pCur: number;
  /** The lowest, highest and current version of its delegate's protocol. */
  readonly dMin: number;
  readonly dMax: number;
  readonly dCur: number;
}

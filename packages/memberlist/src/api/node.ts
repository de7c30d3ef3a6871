/** A member's state as this node sees it. */
export type NodeState = "alive" | "suspect" | "dead" | "left";

export const nodeStates: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

/** An immutable view of a member. A change of the member makes a new one. */
export interface Node {
  /** Unique in the cluster. */
  readonly name: string;
  /** A literal IPv4 or IPv6 address. */
  readonly addr: string;
  readonly port: number;
  /** The metadata that the node published, at most 512 bytes. Do not modify it. Its buffer holds the metadata of others, too. */
  readonly meta: Uint8Array;
  readonly state: NodeState;
  /** Orders alive, suspect and dead messages about the node; only the node itself raises it. */
  readonly incarnation: number;
  /** The lowest, highest and current protocol version that the node speaks. */
  readonly pMin: number;
  readonly pMax: number;
  readonly pCur: number;
  /** The same for its delegate's protocol. */
  readonly dMin: number;
  readonly dMax: number;
  readonly dCur: number;
}

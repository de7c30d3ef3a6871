/** A member's state as this node sees it. */
export type NodeState = "alive" | "suspect" | "dead" | "left";

export const nodeStates: readonly NodeState[] = ["alive", "suspect", "dead", "left"];

/** An immutable snapshot of a member. A change to the member makes a new snapshot. */
export interface Node {
  /** Unique in the cluster. */
  readonly name: string;
  /** A literal IPv4 or IPv6 address. */
  readonly addr: string;
  readonly port: number;
  /** At most 512 bytes; what the node's delegate published. Do not modify. A view: its buffer holds others' metadata, too. */
  readonly meta: Uint8Array;
  readonly state: NodeState;
  /** The number that orders claims about the node; only the node itself raises it. */
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

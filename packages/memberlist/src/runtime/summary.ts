import { formatAddress } from "../api/address.ts";
import { nodeStates, type Node, type NodeState } from "../api/node.ts";
import type { QueueLengths } from "../api/stats.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Keyring } from "../encryption/keyring.ts";

/** The part of a member that its summary is about. */
interface SummarizedMember {
  readonly config: ResolvedConfig;
  readonly localNode: Node;
  readonly healthScore: number;
  readonly queues: QueueLengths;
  readonly isStopped: boolean;
  readonly keyring: Keyring | undefined;
}

/** A node in short. */
export interface MemberlistSummary {
  /** This node's name. */
  readonly name: string;
  /** `host:port`, where others reach it. */
  readonly address: string;
  /** This node's own state. */
  readonly state: NodeState | "shutdown";
  /** This node's incarnation number. */
  readonly incarnation: number;
  /** The number of known members, this node included, by state. */
  readonly members: Readonly<Record<NodeState, number>>;
  /** This node's health score: 0 is healthy. */
  readonly healthScore: number;
  /** How many membership updates wait to be gossiped. */
  readonly queuedBroadcasts: number;
  /** The cluster's label; "" for none. */
  readonly label: string;
  /** Whether the node has a key. */
  readonly encrypted: boolean;
}

/** @param members how many are known, by state */
export function summarize(
  { config, healthScore, isStopped, keyring, localNode, queues }: SummarizedMember,
  members: Readonly<Record<NodeState, number>>,
): MemberlistSummary {
  const { name, addr, port, state, incarnation } = localNode;
  return {
    name,
    address: formatAddress({ host: addr, port }),
    state: isStopped ? "shutdown" : state,
    incarnation,
    members,
    healthScore,
    queuedBroadcasts: queues.membership,
    label: config.label,
    encrypted: (keyring?.size ?? 0) > 0,
  };
}

export function countStates(states: Iterable<NodeState>): Record<NodeState, number> {
  const counts = Object.fromEntries(nodeStates.map((state) => [state, 0])) as Record<NodeState, number>;
  for (const state of states) counts[state]++;
  return counts;
}

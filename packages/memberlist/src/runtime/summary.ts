import { formatAddress } from "../api/address.ts";
import { nodeStates, type NodeState } from "../api/node.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Keyring } from "../encryption/keyring.ts";
import type { Engine } from "../swim/engine.ts";

/** The parts of a node that the summary is about. */
interface SummarizedParts {
  readonly config: ResolvedConfig;
  readonly engine: Engine;
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
  /** How many are known, ourselves included. */
  readonly members: Readonly<Record<NodeState, number>>;
  /** This node's health score: 0 is healthy. */
  readonly healthScore: number;
  /** How many membership updates wait to be gossiped. */
  readonly queuedBroadcasts: number;
  /** The cluster's label; "" for none. */
  readonly label: string;
  /** Whether there is a key. */
  readonly encrypted: boolean;
}

export function summarize({ config, engine, isStopped, keyring }: SummarizedParts): MemberlistSummary {
  const { name, addr, port, state, incarnation } = engine.localNode;
  return {
    name,
    address: formatAddress({ host: addr, port }),
    state: isStopped ? "shutdown" : state,
    incarnation,
    members: countStates(engine.states()),
    healthScore: engine.healthScore,
    queuedBroadcasts: engine.numQueuedBroadcasts,
    label: config.label,
    encrypted: (keyring?.size ?? 0) > 0,
  };
}

function countStates(states: readonly NodeState[]): Record<NodeState, number> {
  const count = (state: NodeState): number => states.filter((other) => other === state).length;
  return Object.fromEntries(nodeStates.map((state) => [state, count(state)])) as Record<NodeState, number>;
}

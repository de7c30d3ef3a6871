import type { SendGate } from "./send-gate.ts";

/**
 * The three parts of Lifeguard, each with a switch of its own: what experiments compare. Not part of the public config, since a
 * cluster has no use for less. Source: the Lifeguard paper; PROTOCOL.md sections 5 and 6.
 */
export interface Tunables {
  /** LHA-Probe: the health score stretches the probe interval, and helpers are asked for nacks. */
  readonly lhaProbe: boolean;
  /** LHA-Suspicion's K: how many confirmations bring a suspicion down to its minimum; 0 fixes it there. Undefined: `suspicionMult` - 2. */
  readonly suspicionConfirmations: number | undefined;
  /** Buddy: a ping to a suspect carries the suspicion. */
  readonly buddy: boolean;
  /** Where the anomaly of the Lifeguard paper blocks what sends. Undefined: nothing is ever blocked. */
  readonly gate: SendGate | undefined;
}

/** As the Go library has it. */
export const defaultTunables: Tunables = Object.freeze({
  lhaProbe: true,
  suspicionConfirmations: undefined,
  buddy: true,
  gate: undefined,
});

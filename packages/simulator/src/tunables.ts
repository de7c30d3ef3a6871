import type { Config } from "@memberlist/core";
import type { EngineHooks } from "@memberlist/core/internal";
import type { SendGate } from "./send-gate.ts";

/** The three parts of Lifeguard, each with a switch of its own, for experiments. Source: the Lifeguard paper; PROTOCOL.md sections 5 and 6. */
export interface Tunables {
  /** LHA-Probe: the health score stretches the probe interval, and helpers are asked for nacks. Default true. */
  readonly lhaProbe: boolean;
  /** LHA-Suspicion's K: how many confirmations bring a suspicion down to its minimum; 0 fixes it there. Default: `suspicionMult` - 2. */
  readonly suspicionConfirmations: number;
  /** Buddy System: a ping to a suspect carries the suspicion. Default true. */
  readonly buddy: boolean;
}

/** The hooks of a member with these tunables, whose periodic sends pass the gate. */
export function hooksOf(
  { lhaProbe = true, suspicionConfirmations, buddy = true }: Partial<Tunables>,
  gate: SendGate,
): Partial<EngineHooks> {
  const hooks = { onSend: gate.pass.bind(gate), nacks: lhaProbe, buddySystem: buddy };
  return suspicionConfirmations === undefined ? hooks : { ...hooks, confirmations: () => suspicionConfirmations };
}

/** The config fields of a member with these tunables: without LHA-Probe the health score is always 0. */
export function configOf({ lhaProbe = true }: Partial<Tunables>): Partial<Config> {
  return lhaProbe ? {} : { awarenessMaxMultiplier: 1 };
}

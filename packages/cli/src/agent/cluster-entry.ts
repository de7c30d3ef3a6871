import type { Node, Seed } from "@memberlist/core";
import type { ClusterAccess } from "../cluster-options.ts";
import type { Runtime } from "../runtime.ts";
import type { DelegateVersions } from "./agent-options.ts";

/** A seed that answers. */
export interface ClusterEntry {
  /** `host:port`. */
  readonly address: string;
  /** The delegate versions that the cluster accepts. */
  readonly versions: DelegateVersions | undefined;
}

/** Finds the first seed that answers. If none answers, it returns undefined: the join then reports the cause. */
export async function entryOf(
  seeds: readonly Seed[],
  { keyring, label }: ClusterAccess,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<ClusterEntry | undefined> {
  for (const seed of seeds) {
    if (signal.aborted) break;
    try {
      const { address, members } = await runtime.fetchMembers(seed, { keyring, label, timeout: 5_000, signal });
      const alive = members.filter(({ state }) => state === "alive");
      return { address, versions: alive.length > 0 ? acceptedBy(alive) : undefined };
    } catch {
      // Try the next seed.
    }
  }
  return undefined;
}

/** Returns the range that all nodes accept, and the version that most of them speak. */
function acceptedBy(nodes: readonly Node[]): DelegateVersions {
  const speakers = new Map<number, number>();
  for (const { dCur } of nodes) speakers.set(dCur, (speakers.get(dCur) ?? 0) + 1);
  const [[current] = [0]] = [...speakers].toSorted(([, a], [, b]) => b - a);
  return {
    delegateProtocolMin: Math.min(current, Math.max(...nodes.map(({ dMin }) => dMin))),
    delegateProtocolMax: Math.max(current, Math.min(...nodes.map(({ dMax }) => dMax))),
    delegateProtocolVersion: current,
  };
}

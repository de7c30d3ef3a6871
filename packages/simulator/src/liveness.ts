import type { AppConfig } from "./sim-node.ts";
import { lanConfig, type ResolvedConfig } from "@memberlist/core";

type Timing = Pick<
  ResolvedConfig,
  | "awarenessMaxMultiplier"
  | "gossipInterval"
  | "probeInterval"
  | "pushPullInterval"
  | "retransmitMult"
  | "suspicionMaxTimeoutMult"
  | "suspicionMult"
  | "tcpTimeout"
>;

/** Above this size push/pull slows down. */
const pushPullThreshold = 32;

/**
 * How long the live nodes of a connected cluster need to agree once all faults have stopped, in ms, at the worst. The parts:
 *
 * - a dead node is probed within 2n - 1 periods (round robin; the SWIM paper), by a node whose health score falls by one with
 *   each success, so that m + (m - 1) + … + 1 periods are lost to it (m is `awarenessMaxMultiplier`);
 * - a suspicion without confirmations runs `suspicionMaxTimeoutMult` times the minimum, and one that was wrong may start a second time;
 * - what gossip has not brought to everybody, two push/pulls of each node do, or the stream that one of them waits for in vain.
 */
export function agreementBound(config: AppConfig, n: number): number {
  const timing: Timing = { ...lanConfig(), ...config };
  const { awarenessMaxMultiplier: m, probeInterval, pushPullInterval, retransmitMult } = timing;
  const detection = (2 * n - 1 + (m * (m + 1)) / 2) * probeInterval;
  const suspicion = timing.suspicionMult * Math.max(1, Math.log10(n)) * probeInterval * timing.suspicionMaxTimeoutMult;
  const gossip = retransmitMult * Math.ceil(Math.log10(n + 1)) * timing.gossipInterval;
  const scale = n <= pushPullThreshold ? 1 : Math.ceil(Math.log2(n / pushPullThreshold)) + 1;
  return detection + 2 * (suspicion + gossip) + 2 * scale * pushPullInterval + timing.tcpTimeout;
}

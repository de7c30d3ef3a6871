/** How intervals and limits grow with the size n of the cluster. Source: PROTOCOL.md sections 5 to 7. */

/** Above this size push/pull slows down. */
const pushPullScaleThreshold = 32;

/** The shortest time, in ms, from suspicion to death. The scale is kept to thousandths, as Go does. */
export function suspicionTimeout(suspicionMult: number, n: number, probeInterval: number): number {
  const scale = Math.max(1, Math.log10(Math.max(1, n)));
  return (suspicionMult * Math.floor(scale * 1000) * probeInterval) / 1000;
}

/** How often one broadcast is transmitted. */
export function retransmitLimit(retransmitMult: number, n: number): number {
  return retransmitMult * Math.ceil(Math.log10(n + 1));
}

/** The push/pull interval in ms. */
export function pushPullScale(interval: number, n: number): number {
  if (n <= pushPullScaleThreshold) return interval;
  return (Math.ceil(Math.log2(n) - Math.log2(pushPullScaleThreshold)) + 1) * interval;
}

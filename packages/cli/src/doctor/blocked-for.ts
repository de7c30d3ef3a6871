import type { PingResult } from "./examination.ts";

/** Acks that arrive within this time of each other arrived together, in ms. */
const together = 60;

/**
 * Returns the shortest time for which a process was blocked, in ms: the round-trip time of a ping whose ack arrived together with those of later pings. A slow
 * network delays all acks equally, so that they arrive as far apart as the pings.
 */
export function blockedFor(pings: readonly PingResult[]): number {
  let longest = 0;
  for (const [i, { sentAt, rtt }] of pings.entries()) {
    const next = pings[i + 1];
    if (rtt === undefined || next?.rtt === undefined) continue;
    const isTogether = Math.abs(sentAt + rtt - (next.sentAt + next.rtt)) <= together;
    if (isTogether && next.sentAt - sentAt > together) longest = Math.max(longest, rtt);
  }
  return longest;
}

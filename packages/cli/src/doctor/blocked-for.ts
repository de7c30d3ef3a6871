import type { PingResult } from "./examination.ts";

/** Acks that arrive within so many ms of each other came together. */
const together = 60;

/**
 * How long a process did nothing, at least, in ms: the round-trip time of a ping whose ack came together with those of later pings. A slow network delays each
 * ack by the same, so that they come as far apart as the pings.
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

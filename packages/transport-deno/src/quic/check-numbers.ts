import { MemberlistError } from "@memberlist/core";
import type { QuicConfig } from "./quic-transport.ts";

/** The least that each may be. Less makes no member, or, as what is no number, takes a limit away. */
const least = {
  handshakeTimeout: 1,
  silenceTimeout: 100,
  idleTimeout: 1,
  maxConnections: 1,
  maxHandshakes: 1,
  maxInboundStreams: 1,
  maxPendingSends: 1,
} as const satisfies Partial<Record<keyof QuicConfig, number>>;

/** What timers can wait, in ms. */
const most = 2 ** 31 - 1;

/** @throws MemberlistError `invalid_config` for a number that the transport cannot work with */
export function checkNumbers(config: QuicConfig): void {
  for (const field of Object.keys(least) as (keyof typeof least)[]) {
    const value = config[field];
    if (value === undefined || (Number.isInteger(value) && value >= least[field] && value <= most)) continue;
    const message = `quic.${field}: must be a whole number from ${least[field]} to ${most}, not ${String(value)}`;
    throw new MemberlistError("invalid_config", message, { details: { field: `quic.${field}` } });
  }
}

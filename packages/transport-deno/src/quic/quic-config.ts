import { MemberlistError } from "@memberlist/core";
import type { CredentialsPem } from "./credentials.ts";
import type { Authorize } from "./handshake.ts";

/** What makes a member talk QUIC. Experimental, as Deno's QUIC is. See docs/guide/quic.md. */
export interface QuicConfig extends CredentialsPem {
  /** Asked for each peer whose certificate is of our authority and label, in both directions; anything but true refuses it. Default: all of them. */
  readonly authorize?: Authorize;
  /** In ms: how long a connection may take from nothing to proven, and a peer may take to say what a stream is. Default 5,000. */
  readonly handshakeTimeout?: number;
  /**
   * In ms without a sign of life of a peer, at least 100, after which it is taken for gone, and reached over a new connection. The shorter of both
   * sides' counts; a third of it is the interval of the signs. Default 10,000.
   */
  readonly silenceTimeout?: number;
  /** In ms without a packet or stream, after which a connection is closed. Default 120,000. */
  readonly idleTimeout?: number;
  /** Connections at a time; the one idle for longest makes room for a new one. Default 1,024. */
  readonly maxConnections?: number;
  /** Incoming connections that have not proven themselves yet, and as many of our own; further ones are refused. Default 256. */
  readonly maxHandshakes?: number;
  /** Streams that peers may have open at once; further ones are refused. Default 1,024. */
  readonly maxInboundStreams?: number;
  /** Packets on their way to one peer (and 4 MiB), four times as many in all; further ones are dropped. Default 4,096. */
  readonly maxPendingSends?: number;
}

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

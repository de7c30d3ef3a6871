import { integer, isFunction, maxTimerDelay, type Rule, type Rules } from "@memberlist/core/internal";
import type { CredentialsPem } from "./credentials.ts";
import type { Authorize } from "./handshake.ts";

/** Set it to use QUIC. Experimental, as Deno's QUIC is. See docs/guide/quic.md. */
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

/** The limits, with their defaults. */
export type QuicLimits = Required<Omit<QuicConfig, keyof CredentialsPem | "authorize">>;

const quicDefaults: QuicLimits = {
  handshakeTimeout: 5_000,
  silenceTimeout: 10_000,
  idleTimeout: 120_000,
  maxConnections: 1_024,
  maxHandshakes: 256,
  maxInboundStreams: 1_024,
  maxPendingSends: 4_096,
};

/** The limits of a config. A field that is missing, or undefined, has its default. */
export function quicLimits(config: QuicConfig): QuicLimits {
  const limit = (name: keyof QuicLimits): number => config[name] ?? quicDefaults[name];
  return {
    handshakeTimeout: limit("handshakeTimeout"),
    silenceTimeout: limit("silenceTimeout"),
    idleTimeout: limit("idleTimeout"),
    maxConnections: limit("maxConnections"),
    maxHandshakes: limit("maxHandshakes"),
    maxInboundStreams: limit("maxInboundStreams"),
    maxPendingSends: limit("maxPendingSends"),
  };
}

const pem: Rule = { expected: "a string of PEM", accepts: (value) => typeof value === "string", secret: true };

/** A value below the minimum makes no working member; one that is not a number would remove the limit. */
const limitRules: Rules<QuicLimits> = {
  handshakeTimeout: integer(1, maxTimerDelay),
  silenceTimeout: integer(100, maxTimerDelay),
  idleTimeout: integer(1, maxTimerDelay),
  maxConnections: integer(1),
  maxHandshakes: integer(1),
  maxInboundStreams: integer(1),
  maxPendingSends: integer(1),
};

export const quicRules: Rules<QuicConfig> = { ...limitRules, ca: pem, certificate: pem, key: pem, authorize: isFunction };

/** The fields that have no default. */
export const quicRequired: readonly (keyof QuicConfig)[] = ["ca", "certificate", "key"];

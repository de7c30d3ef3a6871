import type { Address } from "../api/address.ts";
import type { Crypto } from "./crypto.ts";

/**
 * The network, as the core uses it. A transport moves packets (datagram semantics: unordered, may be lost) and opens
 * streams (reliable, ordered). All names below are those of the Go library's `Transport` where it has one.
 */
export interface Transport {
  /**
   * The IP and port that other nodes should use to reach this one.
   *
   * @param addr the configured `advertiseAddr`, or "" to let the transport choose (the bound or a private address)
   * @param port the configured `advertisePort`, or 0 for the bound port
   * @throws MemberlistError `advertise_address_failed`, whose message lists the candidates
   */
  finalAdvertiseAddr(addr: string, port: number): AdvertisedAddress | Promise<AdvertisedAddress>;

  /**
   * Whether the machine has this address now, a canonical IP; undefined where that cannot be found out. It is asked every
   * `addressCheckInterval`, to notice that an advertised address is gone. Absent: that is not noticed. Never throws.
   */
  hasAddress?(addr: string): boolean | undefined;

  /**
   * Sends one packet, fire and forget. The transport owns `packet` from here on. It is a view, whose buffer holds other packets, too:
   * what is handed to another thread must be a copy. A transport that passes it on to another transport does not use it afterwards: the
   * sockets of a runtime give the memory of a packet out again once the kernel has a copy.
   *
   * @param done is called once, when the packet has been handed to the network or has failed; never synchronously
   * @returns false when the transport would rather have fewer packets for now (backpressure); the packet was taken all the same
   */
  writeTo(packet: Uint8Array, to: Address, done?: (error?: Error) => void): boolean;

  /**
   * Opens a stream to `to`.
   *
   * @throws MemberlistError `dial_failed`; `timeout` after `options.timeout` ms; `aborted`; `shutdown`
   */
  dial(to: Address, options: DialOptions): Promise<TransportStream>;

  /** Starts delivery. Called once, before anything is sent; until then what arrives may wait or be dropped. */
  listen(listener: TransportListener): void;

  /**
   * Resolves a host name to every address it has. Absent: only literal IPs can be joined.
   *
   * @throws MemberlistError `resolve_failed`
   */
  resolve?(host: string, options: ResolveOptions): Promise<string[]>;

  /**
   * Looks up the SRV records of a service, such as `_memberlist._tcp.example.org`. Absent: `srvSeeds` cannot be used.
   *
   * @throws MemberlistError `resolve_failed`, `timeout`, `aborted`, `shutdown`
   */
  resolveSrv?(service: string, options: ResolveOptions): Promise<SrvRecord[]>;

  /** Fast encryption. Absent: `@noble/ciphers`, pure JavaScript, which is slow. */
  readonly crypto?: Crypto | undefined;

  /** Errors so far, for `members.counters()`, where each name gets `transport.` in front. */
  readonly counters?: Readonly<Record<string, number>> | undefined;

  /** Closes every socket and stream. Resolves once no handle of the transport is left. May be called twice. */
  shutdown(): Promise<void>;
}

/** Receives packets and streams from the transport. Both methods are synchronous and never throw. */
export interface TransportListener {
  /**
   * A packet has arrived. The core owns `bytes` from here on.
   *
   * @param receivedAt when it arrived, in ms on the clock of {@link Clock.now}; so that an RTT holds no queueing
   * @returns false when the packet was dropped because it could not be decrypted or decoded: a transport that holds something for its
   * sender, such as a connection, need not do so any longer. Anything else: it was taken
   */
  packet(bytes: Uint8Array, from: Address, receivedAt: number): unknown;
  /** A peer has opened a stream. The core closes it. */
  stream(stream: TransportStream, from: Address): void;
}

/** A reliable byte stream in the shape that `Deno.Conn`, QUIC streams, WebTransport and `Duplex.toWeb` already have. */
export interface TransportStream {
  /** The bytes from the peer. */
  readonly readable: ReadableStream<Uint8Array>;
  /** The bytes to the peer. */
  readonly writable: WritableStream<Uint8Array>;
  /** Closes both directions at once, without waiting for the peer. Never throws; may be called twice. */
  close(): void;
}

/** The address that other members use. */
export interface AdvertisedAddress {
  /** A literal IPv4 or IPv6 address. */
  readonly addr: string;
  /** From 1 to 65535. */
  readonly port: number;
}

/** Options of {@link Transport.dial}. */
export interface DialOptions {
  /** In ms, for the connection to be made. */
  readonly timeout: number;
  /** Cancels the attempt. */
  readonly signal?: AbortSignal;
}

/** One server of a service (RFC 2782). */
export interface SrvRecord {
  /** A host name, or a literal IP. */
  readonly host: string;
  /** From 1 to 65535. */
  readonly port: number;
  /** The lower is to be tried first. */
  readonly priority: number;
  /** Among those of one priority: the higher, the more often. */
  readonly weight: number;
}

/** Options of {@link Transport.resolve} and {@link Transport.resolveSrv}. */
export interface ResolveOptions {
  /** The file whose first name server is asked over TCP for names with a dot (`dnsConfigPath`); "" never. */
  readonly dnsConfigPath: string;
  /** In ms. */
  readonly timeout: number;
  /** Cancels the look-up. */
  readonly signal?: AbortSignal;
}

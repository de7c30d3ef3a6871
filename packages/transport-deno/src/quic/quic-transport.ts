import {
  MemberlistError,
  type Address,
  type AdvertisedAddress,
  type Crypto,
  type DialOptions,
  type Logger,
  type LogOutput,
  type NodeIdentity,
  type ResolveOptions,
  type SrvRecord,
  type Transport,
  type TransportListener,
  type TransportStream,
} from "@memberlist/core";
import {
  AttemptEnded,
  atMost,
  bindError,
  callDoneLater,
  checkOptions,
  chooseAdvertiseAddress,
  configError,
  createTransportLog,
  datagramMaxBytes,
  dialWithin,
  integer,
  isFunction,
  machineHas,
  packetObjection,
  planBind,
  resolveHost,
  resolveService,
  RouteTable,
  shape,
  text,
  withLimits,
  type BindTarget,
  type HostInterfaces,
  type Log,
  type Rules,
  type SendDone,
  type SystemLookup,
} from "@memberlist/core/internal";
import { denoCrypto } from "../deno-crypto.ts";
import { requireUnstableNet } from "../permission.ts";
import { denoNames } from "../resolver.ts";
import { thisMachine } from "../this-machine.ts";
import { Acceptor } from "./acceptor.ts";
import { Credentials } from "./credentials.ts";
import { connectionOptions, Dialler } from "./dialler.ts";
import { newInstance, type HandshakeSide } from "./handshake.ts";
import type { ConnectionEvents, PeerConnection } from "./peer-connection.ts";
import { PeerLinks } from "./peer-links.ts";
import { quicLimits, quicRequired, quicRules, type QuicConfig, type QuicLimits } from "./quic-options.ts";

/** Options of {@link QuicTransport.create}. */
export interface QuicTransportOptions extends QuicConfig {
  /** A literal IP. `0.0.0.0` serves IPv4; `::` serves IPv6 and IPv4. */
  readonly bindAddr: string;
  /** The UDP port; 0: the kernel chooses. */
  readonly bindPort: number;
  /** Default: text to `logOutput`, else the console from "warn" on. */
  readonly logger?: Logger;
  /** Where text lines go without a `logger`. */
  readonly logOutput?: LogOutput;
  /** The machine's interfaces, when no address is configured or bound. Default: the real ones. */
  readonly hostInterfaces?: HostInterfaces;
  /** The usual way to look a name up. Default: the system's resolver. */
  readonly systemLookup?: SystemLookup;
}

const rules: Rules<QuicTransportOptions> = {
  ...quicRules,
  bindAddr: text("a literal IP"),
  bindPort: integer(0, 65_535),
  logger: shape(["debug", "info", "warn", "error"]),
  logOutput: shape(["write"]),
  hostInterfaces: shape(["list", "defaultInterface"]),
  systemLookup: isFunction,
};

/** Errors so far, for metrics. */
export type QuicTransportCounters = {
  /** Peers refused because of their certificate, their label or `authorize`. */
  readonly quicRefusedPeers: number;
  /** Connections that could not be made, or broke. */
  readonly quicFailedConnections: number;
  /** Packets that were not sent. */
  readonly quicDroppedSends: number;
  /** Streams refused because of a limit. */
  readonly quicRefusedStreams: number;
  /** Streams and datagrams that did not follow the protocol. */
  readonly quicBadInput: number;
};

/** Packets on their way to one peer, from which on `writeTo` answers false. */
const highWaterMark = 256;
/** In ms. */
const sweepInterval = 1000;
/** In ms: how long a shutdown waits for peers to have read what was sent. */
const flushMs = 250;
/** In ms: a connection that was there already and on which nothing is heard for so long is given up, and another one made. */
const patienceMax = 1500;

/**
 * Packets and streams over QUIC, for Deno: one connection for each peer, over which both sides have proven who they are. A packet is a
 * datagram, or has a stream of its own where it is too long for one.
 */
export class QuicTransport implements Transport {
  /** AES-GCM and CRC-32 of the runtime. */
  readonly crypto: Crypto = denoCrypto;
  /** The effective port. */
  readonly bindPort: number;
  /** The identity of this node, by its certificate. */
  readonly identity: NodeIdentity;
  readonly #options: QuicTransportOptions;
  readonly #limits: QuicLimits;
  readonly #log: Log;
  readonly #target: BindTarget;
  readonly #routes: RouteTable<{ readonly target: BindTarget }>;
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #acceptor: Acceptor;
  readonly #links: PeerLinks;
  readonly #stop = new AbortController();
  readonly #working = new Set<Promise<unknown>>();
  readonly #sweeper: ReturnType<typeof setInterval>;
  #listener: TransportListener | undefined;
  #inbound = 0;
  #refusedStreams = 0;
  #badInput = 0;
  #shutdown: Promise<void> | undefined;

  private constructor(options: QuicTransportOptions, credentials: Credentials, target: BindTarget, bound: Bound) {
    const limits = quicLimits(options);
    this.#options = options;
    this.#limits = limits;
    this.#log = createTransportLog(options);
    this.#target = target;
    this.#routes = new RouteTable([{ target }]);
    this.#endpoint = bound.endpoint;
    this.bindPort = bound.endpoint.addr.port;
    this.identity = credentials.identity;
    const instance = newInstance();
    const side: HandshakeSide = { credentials, instance, authorize: options.authorize };
    const events = this.#events();
    const { handshakeTimeout: timeout, idleTimeout, maxConnections, maxHandshakes, maxPendingSends, silenceTimeout } = limits;
    const dialler = new Dialler({ endpoint: bound.endpoint, side, events, timeout, silenceTimeout });
    this.#links = new PeerLinks({
      dial: (to) => this.#connect(dialler, to, timeout),
      instance: Array.from(instance, (byte) => byte.toString(16).padStart(2, "0")).join(""),
      highWaterMark,
      maxPendingSends,
      maxConnections,
      maxAttempts: maxHandshakes,
      log: this.#log,
    });
    this.#acceptor = new Acceptor({
      listener: bound.listener,
      side,
      log: this.#log,
      events,
      timeout,
      maxHandshakes,
      onPeer: (connection) => this.#links.add(connection),
    });
    this.#sweeper = setInterval(() => this.#links.sweep(idleTimeout), sweepInterval);
  }

  /**
   * Reads the certificates and binds the port, or leaves nothing open.
   *
   * @throws MemberlistError `invalid_argument`, or `bind_failed`; ConfigError `invalid_config` for the certificates
   */
  static async create(options: QuicTransportOptions): Promise<QuicTransport> {
    const { bindAddr, bindPort } = options;
    checkOptions("QuicTransport.create", options, rules, [...quicRequired, "bindAddr", "bindPort"]);
    const [target] = planBind([bindAddr]) as [BindTarget];
    const credentials = await Credentials.read(options);
    return new QuicTransport(
      options,
      credentials,
      target,
      bind(target, bindPort, credentials, quicLimits(options).silenceTimeout),
    );
  }

  /** Errors so far, for metrics. */
  get counters(): QuicTransportCounters {
    return {
      quicRefusedPeers: this.#acceptor.refusedPeers,
      quicFailedConnections: this.#acceptor.failedConnections,
      quicDroppedSends: this.#links.droppedSends,
      quicRefusedStreams: this.#refusedStreams,
      quicBadInput: this.#badInput,
    };
  }

  /** The bound address. */
  get boundAddress(): AdvertisedAddress {
    return { addr: this.#target.address, port: this.bindPort };
  }

  /** Connections with proven peers. */
  get connections(): number {
    return this.#links.connections.size;
  }

  /** See `Transport.finalAdvertiseAddr`. */
  finalAdvertiseAddr(addr: string, port: number): Promise<AdvertisedAddress> {
    const host = this.#options.hostInterfaces ?? thisMachine;
    return chooseAdvertiseAddress({ addr, port, bound: [this.#target], boundPort: this.bindPort, host });
  }

  /** See `Transport.hasAddress`. */
  hasAddress(addr: string): boolean | undefined {
    return machineHas(this.#options.hostInterfaces ?? thisMachine, addr);
  }

  /** See `Transport.writeTo`. */
  writeTo(packet: Uint8Array, to: Address, done?: SendDone): boolean {
    const problem = this.#objection(packet, to);
    if (problem === undefined) return this.#links.send(packet, to, done);
    callDoneLater(done, problem, this.#log);
    return problem.code !== "shutdown";
  }

  /** See `Transport.dial`. */
  dial(to: Address, options: DialOptions): Promise<TransportStream> {
    return dialWithin(to, options, this.#stop.signal, (signal) =>
      this.#track(this.#openStream(to, signal, Math.min(patienceMax, options.timeout / 2))),
    );
  }

  /** See `Transport.listen`. */
  listen(listener: TransportListener): void {
    this.#listener = listener;
  }

  /** See `Transport.resolve`. */
  resolve(host: string, options: ResolveOptions): Promise<string[]> {
    const { systemLookup } = this.#options;
    return resolveHost(host, options, { names: denoNames, log: this.#log, stop: this.#stop.signal, systemLookup });
  }

  /** See `Transport.resolveSrv`. */
  resolveSrv(service: string, options: ResolveOptions): Promise<SrvRecord[]> {
    return resolveService(service, options, { names: denoNames, stop: this.#stop.signal });
  }

  /** See `Transport.shutdown`. */
  shutdown(): Promise<void> {
    this.#shutdown ??= this.#close();
    return this.#shutdown;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#sweeper);
    const connections = [...this.#links.connections];
    const { stopped } = this.#acceptor.stop();
    await atMost(flushMs, Promise.allSettled(connections.map((connection) => connection.leave())));
    // The socket itself is closed by Deno's garbage collection.
    this.#endpoint.close();
    await Promise.allSettled([stopped, ...connections.map((connection) => connection.gone), ...this.#working]);
  }

  #objection(packet: Uint8Array, to: Address): MemberlistError | undefined {
    if (this.#stop.signal.aborted) return new MemberlistError("shutdown", "the transport is shut down");
    const problem = packetObjection(packet, to, this.#routes.find(to.host) !== undefined);
    if (problem !== undefined || packet.byteLength <= datagramMaxBytes) return problem;
    const details = { bytes: packet.byteLength, limit: datagramMaxBytes };
    return new MemberlistError("send_failed", `a packet of ${packet.byteLength} bytes is too long`, { details });
  }

  async #connect(dialler: Dialler, to: Address, timeout: number): Promise<PeerConnection> {
    try {
      return await withLimits({ timeout, stop: this.#stop.signal }, (signal) => this.#track(dialler.connect(to, signal)));
    } catch (error) {
      if (!(error instanceof AttemptEnded)) throw error;
      const { host, port } = to;
      if (error.code === "shutdown") throw new MemberlistError("shutdown", "the transport is shut down");
      const message = `dialling ${host} port ${port}: no connection within ${timeout} ms`;
      throw new MemberlistError("dial_failed", message, { details: { host, port } });
    }
  }

  async #openStream(to: Address, signal: AbortSignal, patience: number): Promise<TransportStream> {
    for (;;) {
      const { connection, isNew } = await this.#links.connection(to);
      signal.throwIfAborted();
      const since = performance.now();
      const giveUp = new AbortController();
      const end = (): void => giveUp.abort(signal.reason);
      signal.addEventListener("abort", end, { once: true });
      const timer = isNew
        ? undefined
        : setTimeout(() => {
            if (connection.lastHeard < since) giveUp.abort();
          }, patience);
      try {
        return await connection.open(giveUp.signal);
      } catch (error) {
        if (isNew || signal.aborted || error instanceof MemberlistError) throw error;
        // The peer has crashed or restarted, without closing the connection.
        connection.retire();
      } finally {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
      }
    }
  }

  #events(): ConnectionEvents {
    return {
      packet: (bytes, from, receivedAt) => {
        if (!this.#stop.signal.aborted) this.#listener?.packet(bytes, from, receivedAt);
      },
      mayAcceptStream: () => {
        if (this.#listener === undefined || this.#stop.signal.aborted) return false;
        if (this.#inbound >= this.#limits.maxInboundStreams) {
          this.#refusedStreams++;
          return false;
        }
        this.#inbound++;
        return true;
      },
      stream: (stream, from) => this.#listener?.stream(stream, from),
      streamClosed: () => this.#inbound--,
      dropped: (why, from) => {
        if (this.#stop.signal.aborted) return;
        this.#badInput++;
        this.#log.debug("quic_input_dropped", `dropped: ${why}`, { from });
      },
    };
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#working.add(work);
    const forget = (): unknown => this.#working.delete(work);
    work.then(forget, forget);
    return work;
  }
}

interface Bound {
  readonly endpoint: Deno.QuicEndpoint;
  readonly listener: Deno.QuicListener;
}

function bind(target: BindTarget, port: number, { pem }: Credentials, silenceTimeout: number): Bound {
  requireUnstableNet();
  let endpoint: Deno.QuicEndpoint;
  try {
    endpoint = new Deno.QuicEndpoint({ hostname: target.address, port });
  } catch (error) {
    throw bindError("UDP", target, port, error as Error);
  }
  try {
    const options = { ...connectionOptions(silenceTimeout), cert: pem.certificate, key: pem.key };
    return { endpoint, listener: endpoint.listen(options) };
  } catch (cause) {
    endpoint.close();
    throw configError("quic.certificate", `Deno rejected it: ${String(cause)}`, cause);
  }
}

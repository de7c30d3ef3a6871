import {
  MemberlistError,
  systemClock,
  type Address,
  type AdvertisedAddress,
  type Crypto,
  type DialOptions,
  type Logger,
  type LogOutput,
  type ResolveOptions,
  type SrvRecord,
  type Transport,
  type TransportListener,
  type TransportStream,
} from "@memberlist/core";
import {
  chooseAdvertiseAddress,
  createLog,
  machineHas,
  packetObjection,
  planBind,
  RouteTable,
  transportSlots,
  withoutMapping,
  type BindTarget,
  type HostInterfaces,
  type InboundSlot,
  type Log,
  type SystemLookup,
} from "@memberlist/core/internal";
import { denoCrypto } from "./deno-crypto.ts";
import { dialTcp } from "./dial.ts";
import { requireUnstableNet } from "./permission.ts";
import { resolveHost, resolveService } from "./resolver.ts";
import { TcpListener } from "./tcp-listener.ts";
import { TcpStream } from "./tcp-stream.ts";
import { thisMachine } from "./this-machine.ts";
import { UdpSocket, type SendDone } from "./udp-socket.ts";

export interface DenoTransportOptions {
  /**
   * Literal IPs, at least one. `0.0.0.0` serves IPv4; `::` serves IPv6 and IPv4. Deno cannot bind `::` for IPv6 alone, so that the
   * kernel refuses `::` next to an IPv4 address. Packets leave by the first address that fits the receiver.
   */
  readonly bindAddrs: readonly string[];
  /** For TCP and UDP on every address. 0: the kernel chooses one that is free for all of them. */
  readonly bindPort: number;
  /** Default: text to `logOutput`, else the console from "warn" on. */
  readonly logger?: Logger;
  readonly logOutput?: LogOutput;
  /** Packets on their way to the kernel per socket, from which on `writeTo` answers false. Default 256. */
  readonly sendHighWaterMark?: number;
  /** Packets that may be on their way per socket (and 16 MiB in all); further ones are dropped with `limit_exceeded`. Default 4096. */
  readonly maxPendingSends?: number;
  /**
   * Streams that peers may have open at once, those included that are closed here and wait for the peer to close. The latter make room for
   * new ones; where there are none, new ones are closed at once. Default 2,048: twice what the core serves.
   */
  readonly maxInboundStreams?: number;
  /** The same for those from one IP address, which members may share. Default 512, or `maxInboundStreams` where that is less. */
  readonly maxInboundStreamsPerPeer?: number;
  /** False: no UDP socket is bound, and packets cannot be sent; for `streamOnly`. Default true. */
  readonly udp?: boolean;
  /** The machine's interfaces, when no address is configured or bound. Default: the real ones. */
  readonly hostInterfaces?: HostInterfaces;
  /**
   * The usual way to look a name up. Default: the system's resolver; on Linux once a name server of /etc/resolv.conf has answered something about
   * the name (it cannot be stopped, and would keep the process alive), or at once for `localhost`, `.local` and, where Deno may read it, names in
   * /etc/hosts.
   */
  readonly systemLookup?: SystemLookup;
}

/** What went wrong so far, for metrics. */
export type DenoTransportCounters = {
  readonly udpSocketErrors: number;
  readonly udpEmptyPackets: number;
  readonly udpDroppedSends: number;
  readonly tcpAcceptErrors: number;
  readonly tcpRefusedStreams: number;
};

interface Sockets {
  readonly port: number;
  readonly udp: readonly UdpSocket[];
  readonly tcp: readonly TcpListener[];
}

interface Parts {
  readonly options: DenoTransportOptions;
  readonly log: Log;
  readonly targets: readonly BindTarget[];
  readonly sockets: Sockets;
}

const bindAttempts = 10;

/**
 * Packets over UDP and streams over TCP, on the same port, for Deno.
 *
 * `--allow-net --unstable-net` is enough. `--allow-sys=networkInterfaces` is needed to choose the advertised address of a wildcard
 * bind; `--allow-read=/proc/net/route` then prefers the interface of the default route. Without UDP (`udp: false`), `--unstable-net` is
 * not needed. No permission is ever prompted for.
 *
 * Names are looked up by the system's resolver. A `dnsConfigPath` that is not the system's has its first name server asked first, and
 * needs `--allow-read` for that file.
 */
export class DenoTransport implements Transport {
  readonly crypto: Crypto = denoCrypto;
  /** The effective port. */
  readonly bindPort: number;
  /** What was bound, in the order of `bindAddrs`. */
  readonly boundAddresses: readonly AdvertisedAddress[];
  readonly #options: DenoTransportOptions;
  readonly #log: Log;
  readonly #targets: readonly BindTarget[];
  readonly #udp: readonly UdpSocket[];
  readonly #tcp: readonly TcpListener[];
  readonly #routes: RouteTable<UdpSocket>;
  readonly #stop = new AbortController();
  readonly #streams = new Set<TcpStream>();
  readonly #inbound: ReturnType<typeof transportSlots>;
  readonly #dialling = new Set<Promise<unknown>>();
  #refused = 0;
  #shutdown: Promise<void> | undefined;

  private constructor({ options, log, targets, sockets }: Parts) {
    this.#options = options;
    this.#inbound = transportSlots(options);
    this.#log = log;
    this.#targets = targets;
    this.#udp = sockets.udp;
    this.#tcp = sockets.tcp;
    this.#routes = new RouteTable(sockets.udp);
    this.bindPort = sockets.port;
    this.boundAddresses = targets.map((target) => ({ addr: target.address, port: sockets.port }));
  }

  /**
   * Binds everything, or nothing: when one address fails, what was bound before is closed again.
   *
   * @throws MemberlistError `invalid_config`, or `bind_failed`
   */
  static async create(options: DenoTransportOptions): Promise<DenoTransport> {
    const targets = planBind(options.bindAddrs);
    const { bindPort } = options;
    if (!Number.isInteger(bindPort) || bindPort < 0 || bindPort > 65_535) {
      throw new MemberlistError("invalid_config", `bindPort: ${bindPort} is not between 0 and 65535`, { details: { bindPort } });
    }
    if (options.udp !== false) requireUnstableNet();
    const log = createLog({ logger: options.logger, logOutput: options.logOutput, clock: systemClock() });
    for (let attempt = 1; ; attempt++) {
      try {
        return new DenoTransport({ options, log, targets, sockets: await bindAll(options, log, targets) });
      } catch (error) {
        // The kernel chose the port for the first socket only; someone else may have it for the next one. Another try, then.
        const details = error instanceof MemberlistError ? error.details : {};
        if (bindPort !== 0 || details["errno"] !== "EADDRINUSE" || attempt === bindAttempts) throw error;
        log.debug("bind_retry", "the port that the kernel chose is not free for all sockets", { ...details, attempt });
      }
    }
  }

  get counters(): DenoTransportCounters {
    return {
      udpSocketErrors: sum(this.#udp, (socket) => socket.socketErrors),
      udpEmptyPackets: sum(this.#udp, (socket) => socket.emptyPackets),
      udpDroppedSends: sum(this.#udp, (socket) => socket.droppedSends),
      tcpAcceptErrors: sum(this.#tcp, (listener) => listener.acceptErrors),
      tcpRefusedStreams: this.#refused,
    };
  }

  finalAdvertiseAddr(addr: string, port: number): Promise<AdvertisedAddress> {
    const host = this.#options.hostInterfaces ?? thisMachine;
    return chooseAdvertiseAddress({ addr, port, bound: this.#targets, boundPort: this.bindPort, host });
  }

  hasAddress(addr: string): boolean | undefined {
    return machineHas(this.#options.hostInterfaces ?? thisMachine, addr);
  }

  writeTo(packet: Uint8Array, to: Address, done?: SendDone): boolean {
    const route = this.#routes.find(to.host);
    const problem = packetObjection(packet, to, route !== undefined);
    if (problem !== undefined || route === undefined) {
      if (done !== undefined) queueMicrotask(() => done(problem));
      return true;
    }
    return route.socket.send(packet, route.host, to.port, done);
  }

  async dial(to: Address, options: DialOptions): Promise<TransportStream> {
    const dialling = dialTcp(to, options, this.#stop.signal);
    this.#dialling.add(dialling);
    let conn: Deno.TcpConn;
    try {
      conn = await dialling;
    } finally {
      this.#dialling.delete(dialling);
    }
    if (!this.#stop.signal.aborted) return this.#track(conn);
    conn.close();
    throw new MemberlistError("shutdown", "the transport is shut down");
  }

  listen(listener: TransportListener): void {
    for (const socket of this.#udp) {
      socket.start((bytes, host, port, receivedAt) => listener.packet(bytes, { host, port, name: "" }, receivedAt));
    }
    for (const socket of this.#tcp) socket.start((conn) => this.#accept(conn, listener));
  }

  resolve(host: string, options: ResolveOptions): Promise<string[]> {
    return resolveHost(host, options, { log: this.#log, stop: this.#stop.signal, systemLookup: this.#options.systemLookup });
  }

  resolveSrv(service: string, options: ResolveOptions): Promise<SrvRecord[]> {
    return resolveService(service, options, this.#stop.signal);
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#close();
    return this.#shutdown;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    const sockets = [...this.#udp, ...this.#tcp].map((socket) => socket.close());
    const streams = [...this.#streams].map((stream) => stream.terminate());
    await Promise.allSettled([...sockets, ...streams, ...this.#dialling]);
  }

  #accept(conn: Deno.TcpConn, listener: TransportListener): void {
    const { hostname, port } = conn.remoteAddr;
    const from = { host: withoutMapping(hostname), port, name: "" };
    if (this.#stop.signal.aborted) return conn.close();
    const slot = this.#inbound.enter(from.host, () => stream.destroy());
    if (typeof slot === "string") {
      conn.close();
      this.#refuse(from.host, slot);
      return;
    }
    const stream = this.#track(conn, slot);
    listener.stream(stream, from);
  }

  #refuse(from: string, limit: string): void {
    this.#refused++;
    const fields = { from, limit, open: this.#inbound.taken };
    this.#log.warn("tcp_stream_refused", "an inbound stream was closed: too many are open", fields);
  }

  #track(conn: Deno.TcpConn, slot?: InboundSlot): TcpStream {
    const stream = new TcpStream(conn, slot);
    this.#streams.add(stream);
    stream.gone.then(
      () => this.#streams.delete(stream),
      () => undefined,
    );
    return stream;
  }
}

async function bindAll(options: DenoTransportOptions, log: Log, targets: readonly BindTarget[]): Promise<Sockets> {
  const udp: UdpSocket[] = [];
  const tcp: TcpListener[] = [];
  let port = options.bindPort;
  try {
    for (const target of targets) {
      const listener = TcpListener.listen({ target, port, log });
      tcp.push(listener);
      port = listener.port;
      if (options.udp === false) continue;
      const highWaterMark = options.sendHighWaterMark ?? 256;
      udp.push(UdpSocket.bind({ target, port, log, highWaterMark, maxPending: options.maxPendingSends ?? 4096 }));
    }
    return { port, udp, tcp };
  } catch (error) {
    await Promise.all([...udp, ...tcp].map((socket) => socket.close()));
    throw error;
  }
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

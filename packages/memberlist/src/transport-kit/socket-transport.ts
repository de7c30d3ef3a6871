import type { Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import { nextTurn, systemClock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type {
  AdvertisedAddress,
  DialOptions,
  ResolveOptions,
  SrvRecord,
  Transport,
  TransportListener,
  TransportStream,
} from "../ports/transport.ts";
import { boolean, integer, isFunction, shape, type Rules } from "../util/value-rules.ts";
import { chooseAdvertiseAddress, machineHas, type HostInterfaces } from "./advertise.ts";
import type { BindOptions, BoundSockets, ConnectionListener, SocketBinder } from "./bind-sockets.ts";
import { withoutMapping, type BindTarget } from "./bind-target.ts";
import { dialWithin } from "./dial.ts";
import { transportSlots } from "../util/inbound-slots.ts";
import { TurnBudget } from "../util/turn-budget.ts";
import { resolveHost, resolveService, type NameResolver, type SystemLookup } from "./resolver.ts";
import { packetObjection, RouteTable } from "./udp-route.ts";
import { TcpStream, type Connection, type InboundStream } from "./tcp-stream.ts";
import { callDoneLater, type SendDone, type UdpSocket } from "./udp-socket.ts";

/** How many reads of inbound streams end in one turn of the event loop: some 3 ms of work, because most make the core decode, answer or close. */
const readsPerTurn = 32;

export interface SocketTransportOptions extends BindOptions {
  /**
   * Streams that peers may have open at once, including those that are closed here and wait for the peer to close. The latter make room for
   * new ones; without them, new ones are closed at once. Default 2,048: twice what the core serves.
   */
  readonly maxInboundStreams?: number;
  /** The same for those from one IP address, which members may share. Default 512, or `maxInboundStreams` where that is less. */
  readonly maxInboundStreamsPerPeer?: number;
  /** The machine's interfaces, when no address is configured or bound. Default: the real ones. */
  readonly hostInterfaces?: HostInterfaces;
  /**
   * Looks a name up in place of the system's resolver. The default waits on Linux until a name server of /etc/resolv.conf has answered something
   * about the name, because the system's look-up cannot be stopped and would keep the process alive. It does not wait for `localhost`, for
   * `.local`, or for names in /etc/hosts where that file can be read.
   */
  readonly systemLookup?: SystemLookup;
}

export const socketTransportRules: Rules<SocketTransportOptions> = {
  bindAddrs: {
    expected: "a list of literal IPs",
    accepts: (value) => Array.isArray(value) && value.every((addr) => typeof addr === "string"),
  },
  bindPort: integer(0, 65_535),
  logger: shape(["debug", "info", "warn", "error"]),
  logOutput: shape(["write"]),
  sendHighWaterMark: integer(1),
  maxPendingSends: integer(1),
  udp: boolean,
  maxInboundStreams: integer(1),
  maxInboundStreamsPerPeer: integer(1),
  hostInterfaces: shape(["list", "defaultInterface"]),
  systemLookup: isFunction,
};

/** Errors so far, for metrics. */
export type SocketTransportCounters = {
  readonly udpSocketErrors: number;
  readonly udpEmptyPackets: number;
  readonly udpDroppedSends: number;
  readonly tcpAcceptErrors: number;
  readonly tcpRefusedStreams: number;
};

/** The functions that a runtime provides. */
export interface SocketRuntime extends SocketBinder {
  /** Connects; gives up, and leaves nothing open, when `signal` is aborted. */
  connect(to: Address, signal: AbortSignal): Promise<Connection>;
  readonly names: NameResolver;
  readonly interfaces: HostInterfaces;
}

/** Packets over UDP and streams over TCP, on the same port. Source: PROTOCOL.md; the Go NetTransport. */
export class SocketTransport implements Transport {
  /** The effective port. */
  readonly bindPort: number;
  /** The bound sockets, in the order of `bindAddrs`. */
  readonly boundAddresses: readonly AdvertisedAddress[];
  protected readonly udp: readonly UdpSocket[];
  readonly #options: SocketTransportOptions;
  readonly #runtime: SocketRuntime;
  readonly #interfaces: HostInterfaces;
  readonly #log: Log;
  readonly #targets: readonly BindTarget[];
  readonly #tcp: readonly ConnectionListener[];
  readonly #clock = systemClock();
  readonly #reads = new TurnBudget(readsPerTurn, () => nextTurn(this.#clock));
  readonly #stop = new AbortController();
  readonly #routes: RouteTable<UdpSocket>;
  readonly #streams = new Set<TcpStream>();
  readonly #dialling = new Set<Promise<unknown>>();
  readonly #inbound: ReturnType<typeof transportSlots>;
  #refused = 0;
  #waiting: { stream: TcpStream; from: Address }[] = [];
  #listener: TransportListener | undefined;
  #shutdown: Promise<void> | undefined;

  protected constructor(options: SocketTransportOptions, runtime: SocketRuntime, sockets: BoundSockets) {
    this.#options = options;
    this.#runtime = runtime;
    this.#interfaces = options.hostInterfaces ?? runtime.interfaces;
    this.#inbound = transportSlots(options);
    this.#log = sockets.log;
    this.#targets = sockets.targets;
    this.udp = sockets.udp;
    this.#tcp = sockets.tcp;
    this.#routes = new RouteTable(sockets.udp);
    this.bindPort = sockets.port;
    this.boundAddresses = sockets.targets.map((target) => ({ addr: target.address, port: sockets.port }));
    for (const listener of sockets.tcp) listener.start((connection) => this.#accept(connection));
  }

  get counters(): SocketTransportCounters {
    return {
      udpSocketErrors: sum(this.udp, (socket) => socket.socketErrors),
      udpEmptyPackets: sum(this.udp, (socket) => socket.emptyPackets),
      udpDroppedSends: sum(this.udp, (socket) => socket.droppedSends),
      tcpAcceptErrors: sum(this.#tcp, (listener) => listener.acceptErrors),
      tcpRefusedStreams: this.#refused,
    };
  }

  finalAdvertiseAddr(addr: string, port: number): Promise<AdvertisedAddress> {
    return chooseAdvertiseAddress({ addr, port, bound: this.#targets, boundPort: this.bindPort, host: this.#interfaces });
  }

  hasAddress(addr: string): boolean | undefined {
    return machineHas(this.#interfaces, addr);
  }

  writeTo(packet: Uint8Array, to: Address, done?: SendDone): boolean {
    const route = this.#routes.find(to.host);
    const problem = packetObjection(packet, to, route !== undefined);
    if (problem !== undefined || route === undefined) {
      callDoneLater(done, problem, this.#log);
      return true;
    }
    return route.socket.send(packet, route.host, to.port, done);
  }

  async dial(to: Address, options: DialOptions): Promise<TransportStream> {
    const connection = await dialWithin(to, options, this.#stop.signal, (signal) => this.#connect(to, signal));
    if (!this.#stop.signal.aborted) return this.#track(connection);
    connection.close();
    throw new MemberlistError("shutdown", "the transport is shut down");
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
    for (const socket of this.udp) {
      socket.start((bytes, host, port, receivedAt) => listener.packet(bytes, { host, port, name: "" }, receivedAt));
    }
    for (const { stream, from } of this.#waiting) listener.stream(stream, from);
    this.#waiting = [];
  }

  resolve(host: string, options: ResolveOptions): Promise<string[]> {
    const { systemLookup } = this.#options;
    return resolveHost(host, options, { names: this.#runtime.names, log: this.#log, stop: this.#stop.signal, systemLookup });
  }

  resolveSrv(service: string, options: ResolveOptions): Promise<SrvRecord[]> {
    return resolveService(service, options, { names: this.#runtime.names, stop: this.#stop.signal });
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.close();
    return this.#shutdown;
  }

  protected async close(): Promise<void> {
    this.#stop.abort();
    const sockets = [...this.udp, ...this.#tcp].map((socket) => socket.close());
    const streams = [...this.#streams].map((stream) => stream.terminate());
    await Promise.allSettled([...sockets, ...streams, ...this.#dialling]);
  }

  /** A connection that is made too late is closed again, and a shutdown waits for that. */
  async #connect(to: Address, signal: AbortSignal): Promise<Connection> {
    const connecting = this.#runtime.connect(to, signal).then((connection) => {
      if (signal.aborted) connection.close();
      return connection;
    });
    this.#dialling.add(connecting);
    try {
      return await connecting;
    } finally {
      this.#dialling.delete(connecting);
    }
  }

  #accept(connection: Connection): void {
    const { remote } = connection;
    if (remote === undefined || this.#stop.signal.aborted) return connection.reset();
    const from = { host: withoutMapping(remote.host), port: remote.port, name: "" };
    const slot = this.#inbound.enter(from.host, () => stream.destroy());
    if (typeof slot === "string") {
      connection.reset();
      this.#refuse(from.host, slot);
      return;
    }
    const stream = this.#track(connection, { slot, reads: this.#reads });
    if (this.#listener === undefined) this.#waiting.push({ stream, from });
    else this.#listener.stream(stream, from);
  }

  #refuse(from: string, limit: string): void {
    this.#refused++;
    const fields = { from, limit, open: this.#inbound.taken };
    this.#log.warn("tcp_stream_refused", "an inbound stream was closed: too many are open", fields);
  }

  #track(connection: Connection, inbound?: InboundStream): TcpStream {
    const stream = new TcpStream(connection, inbound, this.#clock);
    this.#streams.add(stream);
    stream.gone.then(
      () => this.#streams.delete(stream),
      () => undefined,
    );
    return stream;
  }
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

import type { Socket } from "node:net";
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
import { WorkerPool, type WorkerOptions } from "./worker-pool.ts";
import { dialTcp } from "./dial.ts";
import { NodeCrypto } from "./node-crypto.ts";
import { requireNetwork } from "./permission.ts";
import { resolveHost } from "./resolver.ts";
import { resolveService } from "./srv.ts";
import { TcpListener } from "./tcp-listener.ts";
import { TcpStream } from "./tcp-stream.ts";
import { thisMachine } from "./this-machine.ts";
import { UdpSocket, type SendDone } from "./udp-socket.ts";

export interface NodeTransportOptions {
  /**
   * Literal IPs, at least one. `0.0.0.0` serves IPv4; `::` serves IPv6 and, when no IPv4 address is bound next to it, IPv4 as
   * well. Packets leave by the first address that fits the receiver.
   */
  readonly bindAddrs: readonly string[];
  /** For TCP and UDP on every address. 0: the kernel chooses one that is free for all of them. */
  readonly bindPort: number;
  /** Default: text to `logOutput`, else the console from "warn" on. */
  readonly logger?: Logger;
  readonly logOutput?: LogOutput;
  /** Bytes asked of the kernel per UDP socket; halved until it accepts. Default 2 MiB. */
  readonly udpReceiveBuffer?: number;
  /** Packets that wait in a socket's queue, from which on `writeTo` answers false. Default 256. */
  readonly sendHighWaterMark?: number;
  /** Packets that may wait in a socket's queue (and 16 MiB in all); further ones are dropped with `limit_exceeded`. Default 4096. */
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
   * the name (it cannot be stopped, and would keep the process alive), or at once for names in /etc/hosts, `localhost` and `.local`.
   */
  readonly systemLookup?: SystemLookup;
  /** Threads for long stream messages. */
  readonly workers?: WorkerOptions;
}

/** What went wrong so far, for metrics. */
export type NodeTransportCounters = {
  readonly udpSocketErrors: number;
  readonly udpEmptyPackets: number;
  readonly udpDroppedSends: number;
  readonly tcpAcceptErrors: number;
  readonly tcpRefusedStreams: number;
  readonly workerFailures: number;
};

interface Sockets {
  readonly port: number;
  readonly udp: readonly UdpSocket[];
  readonly tcp: readonly TcpListener[];
}

interface Parts {
  readonly options: NodeTransportOptions;
  readonly log: Log;
  readonly pool: WorkerPool | undefined;
  readonly targets: readonly BindTarget[];
  readonly inbox: Inbox;
  readonly sockets: Sockets;
}

const bindAttempts = 10;

/** Packets over UDP and streams over TCP, on the same port, for Node and Bun. Source: PROTOCOL.md; the Go NetTransport. */
export class NodeTransport implements Transport {
  readonly crypto: Crypto;
  /** The effective port. */
  readonly bindPort: number;
  /** What was bound, in the order of `bindAddrs`. */
  readonly boundAddresses: readonly AdvertisedAddress[];
  /** Bytes that the kernel gives each UDP socket to receive into, in the order of `bindAddrs`. */
  readonly udpReceiveBuffers: readonly number[];
  readonly #options: NodeTransportOptions;
  readonly #log: Log;
  /** Undefined: all work is done on the event loop. */
  readonly #pool: WorkerPool | undefined;
  readonly #targets: readonly BindTarget[];
  readonly #udp: readonly UdpSocket[];
  readonly #tcp: readonly TcpListener[];
  readonly #stop = new AbortController();
  readonly #routes: RouteTable<UdpSocket>;
  readonly #streams = new Set<TcpStream>();
  readonly #inbound: ReturnType<typeof transportSlots>;
  #refused = 0;
  #waiting: { stream: TcpStream; from: Address }[] = [];
  #listener: TransportListener | undefined;
  #shutdown: Promise<void> | undefined;

  private constructor({ options, log, pool, targets, inbox, sockets }: Parts) {
    this.#options = options;
    this.#inbound = transportSlots(options);
    this.#log = log;
    this.#pool = pool;
    this.crypto = new NodeCrypto(pool);
    this.#targets = targets;
    this.#udp = sockets.udp;
    this.#routes = new RouteTable(sockets.udp);
    this.#tcp = sockets.tcp;
    this.bindPort = sockets.port;
    this.boundAddresses = targets.map((target) => ({ addr: target.address, port: sockets.port }));
    this.udpReceiveBuffers = sockets.udp.map((socket) => socket.receiveBuffer);
    inbox.open((socket) => this.#accept(socket));
  }

  /**
   * Binds everything, or nothing: when one address fails, what was bound before is closed again.
   *
   * @throws MemberlistError `invalid_config`, or `bind_failed`
   */
  static async create(options: NodeTransportOptions): Promise<NodeTransport> {
    const targets = planBind(options.bindAddrs);
    const { bindPort } = options;
    if (!Number.isInteger(bindPort) || bindPort < 0 || bindPort > 65_535) {
      throw new MemberlistError("invalid_config", `bindPort: ${bindPort} is not between 0 and 65535`, { details: { bindPort } });
    }
    requireNetwork();
    const log = createLog({ logger: options.logger, logOutput: options.logOutput, clock: systemClock() });
    const { workers = {} } = options;
    const pool = workers.off === true ? undefined : await WorkerPool.open({ workers, log });
    for (let attempt = 1; ; attempt++) {
      const inbox = new Inbox();
      try {
        const sockets = await bindAll(options, log, targets, inbox);
        return new NodeTransport({ options, log, pool, targets, inbox, sockets });
      } catch (error) {
        // The kernel chose the port for the first socket only; someone else may have it for the next one. Another try, then.
        const details = error instanceof MemberlistError ? error.details : {};
        if (bindPort !== 0 || details["errno"] !== "EADDRINUSE" || attempt === bindAttempts) throw error;
        log.debug("bind_retry", "the port that the kernel chose is not free for all sockets", { ...details, attempt });
      }
    }
  }

  get counters(): NodeTransportCounters {
    return {
      udpSocketErrors: sum(this.#udp, (socket) => socket.socketErrors),
      udpEmptyPackets: sum(this.#udp, (socket) => socket.emptyPackets),
      udpDroppedSends: sum(this.#udp, (socket) => socket.droppedSends),
      tcpAcceptErrors: sum(this.#tcp, (listener) => listener.acceptErrors),
      tcpRefusedStreams: this.#refused,
      workerFailures: this.#pool?.failures ?? 0,
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
    const stream = this.#track(await dialTcp(to, options, this.#stop.signal));
    if (!this.#stop.signal.aborted) return stream;
    await stream.terminate();
    throw new MemberlistError("shutdown", "the transport is shut down");
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
    for (const socket of this.#udp) {
      socket.start((bytes, host, port, receivedAt) => listener.packet(bytes, { host, port, name: "" }, receivedAt));
    }
    for (const { stream, from } of this.#waiting) listener.stream(stream, from);
    this.#waiting = [];
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
    await Promise.all([...sockets, ...streams, this.#pool?.close()]);
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    // Without an address the peer is gone already.
    if (remoteAddress === undefined || remotePort === undefined || this.#stop.signal.aborted) {
      discard(socket);
      return;
    }
    const from = { host: withoutMapping(remoteAddress), port: remotePort, name: "" };
    const slot = this.#inbound.enter(from.host, () => stream.destroy());
    if (typeof slot === "string") {
      discard(socket);
      this.#refuse(from.host, slot);
      return;
    }
    const stream = this.#track(socket, slot);
    if (this.#listener === undefined) this.#waiting.push({ stream, from });
    else this.#listener.stream(stream, from);
  }

  #refuse(from: string, limit: string): void {
    this.#refused++;
    const fields = { from, limit, open: this.#inbound.taken };
    this.#log.warn("tcp_stream_refused", "an inbound stream was closed: too many are open", fields);
  }

  #track(socket: Socket, slot?: InboundSlot): TcpStream {
    const stream = new TcpStream(socket, slot);
    this.#streams.add(stream);
    stream.gone.then(
      () => this.#streams.delete(stream),
      () => undefined,
    );
    return stream;
  }
}

/** Takes the connections of the listeners until there is a transport to give them to. */
class Inbox {
  #sockets: Socket[] = [];
  #deliver: ((socket: Socket) => void) | undefined;

  readonly accept = (socket: Socket): void => {
    if (this.#deliver !== undefined) return this.#deliver(socket);
    socket.on("error", () => undefined);
    socket.pause();
    this.#sockets.push(socket);
  };

  open(deliver: (socket: Socket) => void): void {
    this.#deliver = deliver;
    for (const socket of this.#sockets) deliver(socket);
    this.#sockets = [];
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#deliver = (socket) => void socket.destroy();
  }
}

/** With a reset, so that nothing is left of it in the kernel. */
function discard(socket: Socket): void {
  socket.on("error", () => undefined);
  socket.resetAndDestroy();
}

async function bindAll(options: NodeTransportOptions, log: Log, targets: readonly BindTarget[], inbox: Inbox): Promise<Sockets> {
  const udp: UdpSocket[] = [];
  const tcp: TcpListener[] = [];
  let port = options.bindPort;
  try {
    for (const target of targets) {
      const listener = await TcpListener.listen({ target, port, log, onSocket: inbox.accept });
      tcp.push(listener);
      port = listener.port;
      if (options.udp === false) continue;
      const socket = await UdpSocket.bind({
        target,
        port,
        log,
        receiveBuffer: options.udpReceiveBuffer ?? 2 * 1024 * 1024,
        highWaterMark: options.sendHighWaterMark ?? 256,
        maxPending: options.maxPendingSends ?? 4096,
      });
      udp.push(socket);
    }
    return { port, udp, tcp };
  } catch (error) {
    inbox.destroy();
    await Promise.all([...udp, ...tcp].map((socket) => socket.close()));
    throw error;
  }
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

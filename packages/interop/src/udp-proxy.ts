import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What happens to what goes through a proxy. The packets' rules are asked for each packet, so they can be changed at any time. */
export interface ProxyRules {
  /** Packets from these senders are dropped: "ip" or "ip:port" of the sender's own socket, not of the proxy before it. */
  dropFrom?: readonly string[];
  /** All packets are dropped. */
  dropPackets?: boolean;
  /** New streams are closed at once. */
  dropStreams?: boolean;
  /** The share of packets that is lost, 0 to 1. */
  loss?: number;
  /** In ms, for each packet. */
  delay?: number;
}

export interface ProxyCounts {
  forwarded: number;
  dropped: number;
  streams: number;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/**
 * Stands in front of one node on loopback: the node binds to an address of its own and advertises the proxy's, so that all
 * that others send to it comes through here. What it sends itself goes straight to the others (or to their proxies).
 */
export class UdpProxy {
  readonly host: string;
  readonly counts: ProxyCounts = { forwarded: 0, dropped: 0, streams: 0 };
  rules: ProxyRules = {};
  /** Sees each packet that is dropped. */
  onDrop: ((packet: Uint8Array, from: RemoteInfo) => void) | undefined;
  /** Sees each packet that is forwarded. */
  onPacket: ((packet: Uint8Array, from: RemoteInfo) => void) | undefined;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  /** A socket for each sender, so that the node can answer to where a packet came from. */
  readonly #relays = new Map<string, UdpSocket>();
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #port = 0;
  #target: Target | undefined;
  #closed = false;

  private constructor(host: string) {
    this.host = host;
    this.#udp = createSocket(host.includes(":") ? "udp6" : "udp4");
    this.#udp.on("message", (packet, from) => this.#packet(packet, from));
    this.#tcp = createServer((socket) => this.#stream(socket));
  }

  /** Opens both sockets on one free port of `host`; what comes in is dropped until {@link forwardTo} is called. */
  static async open(host: string): Promise<UdpProxy> {
    const proxy = new UdpProxy(host);
    proxy.#tcp.listen(0, host);
    await once(proxy.#tcp, "listening");
    proxy.#port = (proxy.#tcp.address() as { port: number }).port;
    proxy.#udp.bind(proxy.#port, host);
    await once(proxy.#udp, "listening");
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Where the node's own sockets are. */
  forwardTo(host: string, port: number): void {
    this.#target = { host, port };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    for (const relay of this.#relays.values()) relay.close();
    const closed = [once(this.#udp, "close"), once(this.#tcp, "close")];
    this.#udp.close();
    this.#tcp.close();
    await Promise.all(closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #drops(from: RemoteInfo): boolean {
    const { dropFrom = [], dropPackets = false, loss = 0 } = this.rules;
    if (dropPackets || dropFrom.includes(from.address) || dropFrom.includes(`${from.address}:${from.port}`)) return true;
    return loss > 0 && Math.random() < loss;
  }

  #packet(packet: Uint8Array, from: RemoteInfo): void {
    if (this.#target === undefined || this.#drops(from)) {
      this.counts.dropped++;
      this.onDrop?.(new Uint8Array(packet), from);
      return;
    }
    const { delay = 0 } = this.rules;
    if (delay <= 0) {
      this.#forward(packet, from);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#forward(packet, from);
    }, delay);
    this.#timers.add(timer);
  }

  #forward(packet: Uint8Array, from: RemoteInfo): void {
    if (this.#closed || this.#target === undefined) return;
    this.counts.forwarded++;
    this.onPacket?.(new Uint8Array(packet), from);
    // A node that is gone is not an error of the proxy.
    this.#relay(from).send(packet, this.#target.port, this.#target.host, () => undefined);
  }

  #relay(from: RemoteInfo): UdpSocket {
    const key = `${from.address}:${from.port}`;
    const known = this.#relays.get(key);
    if (known !== undefined) return known;
    const relay = createSocket(this.host.includes(":") ? "udp6" : "udp4");
    relay.on("error", () => undefined);
    relay.on("message", (answer) => {
      if (!this.#closed) this.#udp.send(answer, from.port, from.address, () => undefined);
    });
    this.#relays.set(key, relay);
    return relay;
  }

  #stream(inbound: Socket): void {
    inbound.on("error", () => undefined);
    if (this.#target === undefined || this.rules.dropStreams === true) {
      inbound.destroy();
      return;
    }
    this.counts.streams++;
    const outbound = connect(this.#target.port, this.#target.host);
    outbound.on("error", () => undefined);
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      this.#sockets.add(socket);
      socket.pipe(other);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroySoon();
      });
    }
  }
}

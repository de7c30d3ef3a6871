import { formatAddress, type Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import { checkOptions } from "../api/check-arguments.ts";
import { systemClock, type Clock } from "../ports/clock.ts";
import { randomOffset, systemRandom, type Random } from "../ports/random.ts";
import type {
  AdvertisedAddress,
  DialOptions,
  ResolveOptions,
  SrvRecord,
  Transport,
  TransportListener,
  TransportStream,
} from "../ports/transport.ts";
import type { Crypto } from "../ports/crypto.ts";
import { onAbort } from "../util/on-abort.ts";
import { clockRule, duration, integer, randomRule, type Rules } from "../util/value-rules.ts";
import { LinkTable } from "./link-table.ts";
import { encodeHeader, linkIdBytes } from "./packet-frames.ts";
import { datagramMaxBytes } from "../wire/constants.ts";
import { PacketInbox } from "./packet-inbox.ts";
import { PacketLink } from "./packet-link.ts";

/** Options of {@link streamOnly}. */
export interface StreamOnlyOptions {
  /** The port that the transport listens on: peers see packets come from it. */
  readonly port: number;
  /** Default: that of the runtime. */
  readonly clock?: Clock;
  /** Default: that of the runtime. The connections of one link have a random id in common; nothing secret depends on it. */
  readonly random?: Random;
  /**
   * In ms: how long a peer's stream may take until it has brought a packet that is accepted, and then for each packet that it has begun.
   * Default 5,000.
   */
  readonly timeout?: number;
  /**
   * In ms: how long a dial may take, how long a connection may be without progress while packets are on their way, and how long a packet
   * may wait. What takes longer is dropped. Default 2,000.
   */
  readonly ackTimeout?: number;
  /** In ms without a packet, after which a connection is closed. Default 60,000. */
  readonly idleTimeout?: number;
  /**
   * Connections for packets that are kept at once. A further one takes the place of one to the address with the most, or of the one that was
   * used longest ago. A quarter as many, besides, and those that are not in use, may be under way to peers that were never reached. Default 256.
   */
  readonly maxLinks?: number;
  /**
   * Streams of peers that carry packets, or have not said yet what they carry. Above it the IP address with the most gives one up, if it
   * still has more than the newcomer's afterwards; else the newcomer is cut. Default 512.
   */
  readonly maxInboundStreams?: number;
  /** The same for those from one IP address, which members may share. Default 128, or `maxInboundStreams` where that is less. */
  readonly maxInboundStreamsPerPeer?: number;
  /** Bytes that may wait for one peer; further packets are dropped with `limit_exceeded`. Default 1 MiB. */
  readonly maxPendingBytes?: number;
}

const streamOnlyRules: Rules<StreamOnlyOptions> = {
  port: integer(1, 65_535),
  clock: clockRule,
  random: randomRule,
  timeout: duration,
  ackTimeout: duration,
  idleTimeout: duration,
  maxLinks: integer(1),
  maxInboundStreams: integer(1),
  maxInboundStreamsPerPeer: integer(1),
  maxPendingBytes: integer(1),
};

/**
 * Packets over the streams of `transport`, for networks that block UDP: one connection for each peer that packets go to, kept and used
 * again. All members should do so. One that takes packets by UDP alone is kept as a member by pings over streams and push/pulls, but
 * hears no gossip from here; `counters.unwelcomeLinks` counts how often such a peer hung up.
 */
export function streamOnly(transport: Transport, options: StreamOnlyOptions): Transport {
  checkOptions("streamOnly", options, streamOnlyRules, ["port"]);
  return new StreamOnlyTransport(transport, options);
}

/** The cost of a dial in the packets' budget of a turn of the event loop. A dial and its end take some 0.3 ms of CPU, so a turn has about 32. */
const dialCost = 4 * 1024;
/** In ms: how long a shutdown waits for the peers to acknowledge what was sent. */
const drainTime = 500;

class StreamOnlyTransport implements Transport {
  readonly hasAddress: ((addr: string) => boolean | undefined) | undefined;
  readonly resolve: ((host: string, options: ResolveOptions) => Promise<string[]>) | undefined;
  readonly resolveSrv: ((service: string, options: ResolveOptions) => Promise<SrvRecord[]>) | undefined;
  readonly crypto: Crypto | undefined;
  readonly #inner: Transport;
  readonly #options: Required<StreamOnlyOptions>;
  readonly #links: LinkTable;
  #inbox: PacketInbox | undefined;
  #dropped = 0;
  #unwelcome = 0;
  /** Packets that are sent meanwhile go where the peer asks for them. */
  #isDelivering = false;
  /** Aborted when a shutdown begins: only what was sent before is still sent. */
  readonly #stop: AbortController = new AbortController();
  #shutdown: Promise<void> | undefined;

  constructor(inner: Transport, { clock, timeout, idleTimeout, maxLinks, maxInboundStreams = 512, ...rest }: StreamOnlyOptions) {
    this.#inner = inner;
    this.hasAddress = inner.hasAddress?.bind(inner);
    this.resolve = inner.resolve?.bind(inner);
    this.resolveSrv = inner.resolveSrv?.bind(inner);
    this.crypto = inner.crypto;
    this.#options = {
      port: rest.port,
      clock: clock ?? systemClock(),
      random: rest.random ?? systemRandom(),
      timeout: timeout ?? 5000,
      ackTimeout: rest.ackTimeout ?? 2000,
      idleTimeout: idleTimeout ?? 60_000,
      maxLinks: maxLinks ?? 256,
      maxInboundStreams,
      maxInboundStreamsPerPeer: rest.maxInboundStreamsPerPeer ?? Math.min(128, maxInboundStreams),
      maxPendingBytes: rest.maxPendingBytes ?? 1024 * 1024,
    };
    this.#links = this.#makeLinks();
  }

  get counters(): Readonly<Record<string, number>> {
    return {
      ...this.#inner.counters,
      packetLinks: this.#links.size,
      unwelcomeLinks: this.#unwelcome,
      refusedPacketStreams: this.#inbox?.refused ?? 0,
      supersededPacketStreams: this.#inbox?.superseded ?? 0,
      droppedPackets: this.#dropped,
    };
  }

  finalAdvertiseAddr(addr: string, port: number): AdvertisedAddress | Promise<AdvertisedAddress> {
    return this.#inner.finalAdvertiseAddr(addr, port);
  }

  writeTo(packet: Uint8Array, to: Address, done?: (error?: Error) => void): boolean {
    const link = this.#objection(packet, to) ?? this.#links.get(to, this.#isDelivering) ?? this.#noRoom();
    if (link instanceof PacketLink) {
      return link.send(packet, (error) => {
        if (error !== undefined) this.#dropped++;
        try {
          done?.(error);
        } catch (thrown) {
          // Thrown again where it ends neither the link nor the callbacks of the packets after this one.
          this.#options.clock.defer(() => {
            throw thrown;
          });
        }
      });
    }
    this.#dropped++;
    if (done !== undefined) this.#options.clock.defer(() => done(link));
    return link.code !== "limit_exceeded";
  }

  async dial(to: Address, options: DialOptions): Promise<TransportStream> {
    const stop = this.#stop.signal;
    const { signal } = options;
    if (stop.aborted) throw shutdownError();
    const giveUp = new AbortController();
    const cancelled = (): void => giveUp.abort(signal?.reason);
    const release = [onAbort(stop, () => giveUp.abort()), ...(signal === undefined ? [] : [onAbort(signal, cancelled)])];
    if (signal?.aborted === true) cancelled();
    try {
      const stream = await this.#inner.dial(to, { ...options, signal: giveUp.signal });
      if (!stop.aborted) return stream;
      stream.close();
    } catch (error) {
      if (!stop.aborted) throw error;
    } finally {
      for (const stopListening of release) stopListening();
    }
    throw shutdownError();
  }

  listen(listener: TransportListener): void {
    const { clock, timeout, idleTimeout } = this.#options;
    const stop = this.#stop.signal;
    const guarded: TransportListener = {
      packet: (bytes, from, receivedAt) => !stop.aborted && this.#deliver(listener, bytes, from, receivedAt),
      stream: (stream, from) => (stop.aborted ? stream.close() : listener.stream(stream, from)),
    };
    // Twice as long as a sender keeps a connection: it is the sender that closes it.
    const inbox = new PacketInbox(guarded, { clock, timeout, idleTimeout: 2 * idleTimeout, limits: this.#options });
    this.#inbox = inbox;
    this.#inner.listen({
      packet: (bytes, from, receivedAt) => guarded.packet(bytes, from, receivedAt),
      stream: (stream, from) => (stop.aborted ? stream.close() : inbox.accept(stream, from)),
    });
  }

  #deliver(listener: TransportListener, bytes: Uint8Array, from: Address, receivedAt: number): unknown {
    this.#isDelivering = true;
    try {
      return listener.packet(bytes, from, receivedAt);
    } finally {
      this.#isDelivering = false;
    }
  }

  shutdown(): Promise<void> {
    this.#shutdown ??= this.#close();
    return this.#shutdown;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    const { clock } = this.#options;
    const links = [...this.#links.values()];
    if (links.length > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.setTimeout(resolve, drainTime);
        const drained = Promise.all(links.map((link) => link.drain()));
        drained.then(() => (clock.clearTimeout(timer), resolve()), resolve);
      });
    }
    for (const link of links) link.close(shutdownError());
    this.#links.clear();
    await this.#inner.shutdown();
  }

  #objection(packet: Uint8Array, to: Address): MemberlistError | undefined {
    if (this.#stop.signal.aborted) return shutdownError();
    const refuse = (why: string): MemberlistError =>
      new MemberlistError("send_failed", `sending a packet to ${formatAddress(to)}: ${why}`, {
        details: { host: to.host, port: to.port, bytes: packet.length },
      });
    if (packet.length === 0) return refuse("it is empty");
    if (packet.length > datagramMaxBytes) return refuse(`${packet.length} bytes exceed the limit of ${datagramMaxBytes}`);
    return undefined;
  }

  #noRoom(): MemberlistError {
    return new MemberlistError("limit_exceeded", `packets wait for ${this.#links.size} peers already`);
  }

  #makeLinks(): LinkTable {
    const { ackTimeout, clock, maxLinks, port, random } = this.#options;
    const linkId = (): Uint8Array => Uint8Array.from({ length: linkIdBytes }, () => randomOffset(random, 256));
    return new LinkTable({
      maxLinks,
      ackTimeout,
      now: () => clock.now(),
      create: (to, events) => {
        if (this.#isDelivering) this.#inbox?.spend(dialCost);
        return new PacketLink({
          to,
          // A peer may be reached by several addresses: each link has an id of its own, so that they do not supersede each other.
          header: encodeHeader(port, linkId()),
          clock,
          limits: this.#options,
          dial: (...call) => this.#inner.dial(...call),
          onUnwelcome: () => this.#unwelcome++,
          ...events,
        });
      },
    });
  }
}

function shutdownError(): MemberlistError {
  return new MemberlistError("shutdown", "the transport is shut down");
}

import { canonicalIp, formatAddress, hostPort, type Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import { onAbort } from "../util/on-abort.ts";
import type { Clock, ClockTimer } from "../ports/clock.ts";
import { datagramMaxBytes } from "../wire/constants.ts";
import type { Crypto } from "../ports/crypto.ts";
import type {
  AdvertisedAddress,
  DialOptions,
  ResolveOptions,
  SrvRecord,
  Transport,
  TransportListener,
  TransportStream,
} from "../ports/transport.ts";
import type { MemoryStream } from "./memory-stream.ts";

/** The part of the network that a memory transport uses. */
export interface MemoryFabric {
  /** The clock of the network. */
  readonly clock: Clock;
  /** Sends a packet. */
  sendPacket(packet: Uint8Array, from: MemoryTransport, to: Address): void;
  /** Connects; the answer comes by one of the two callbacks, later, or never. Returned: how to give up. */
  connect(from: MemoryTransport, to: Address, connected: (stream: MemoryStream) => void, refused: () => void): () => void;
  /** The addresses of a host name; undefined if it is unknown. */
  lookUp(host: string): readonly string[] | undefined;
  /** The SRV records of a service; undefined if it is unknown. */
  servers(service: string): readonly SrvRecord[] | undefined;
  /** Frees the address of a transport that is shut down. */
  detach(transport: MemoryTransport): void;
  /** A transport is held no more. */
  released(): void;
}

export interface MemoryTransportParts {
  /** A literal IP. */
  readonly host: string;
  /** From 1 to 65535. */
  readonly port: number;
  /** The node's clock. */
  readonly clock: Clock;
  /** See {@link Transport.crypto}. */
  readonly crypto: Crypto | undefined;
}

/** A transport within one process; {@link MemoryNetwork.transport} makes it. */
export class MemoryTransport implements Transport {
  /** Its literal IP. */
  readonly host: string;
  /** Its port. */
  readonly port: number;
  /** `host:port`. */
  readonly key: string;
  /** Where others reach this one. */
  readonly address: Address;
  /** See {@link Transport.crypto}. */
  readonly crypto: Crypto | undefined;
  readonly #fabric: MemoryFabric;
  readonly #clock: Clock;
  readonly #streams: Set<MemoryStream> = new Set();
  readonly #dials: Set<(error: MemberlistError) => void> = new Set();
  /** The held packets, in order; undefined unless the transport is held. */
  #held: (() => void)[] | undefined;
  /** The released packets, which are read one by one. */
  #unread: (readonly [packet: Uint8Array, from: Address])[] = [];
  #readTime = 0;
  #reading: ClockTimer;
  /** Callbacks of {@link writeTo} that wait for their turn. */
  readonly #unreported: (() => void)[] = [];
  #listener: TransportListener | undefined;
  #closed = false;

  constructor(fabric: MemoryFabric, { host, port, clock, crypto }: MemoryTransportParts) {
    this.#fabric = fabric;
    this.#clock = clock;
    this.crypto = crypto;
    this.host = host;
    this.port = port;
    this.key = hostPort(host, port);
    this.address = Object.freeze({ host, port, name: "" });
  }

  /** Whether packets and streams are accepted. */
  get listening(): boolean {
    return this.#listener !== undefined && !this.#closed;
  }

  /** Whether {@link hold} holds received packets back. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Everything stops just before it is sent and just after it has come in, until {@link release}: the anomaly of the Lifeguard paper. */
  hold(): void {
    this.#held ??= [];
  }

  /**
   * Releases held packets, in their order.
   *
   * @param readTime ms for each packet that has come in: they are read one by one, and those that come meanwhile wait behind them. 0: all
   * at once, before anything else happens
   */
  release(readTime: number = 0): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#readTime = readTime;
    if (readTime === 0) for (const [packet, from] of this.#unread.splice(0)) this.deliver(packet, from);
    for (const go of held) go();
    this.#read();
    this.#fabric.released();
  }

  /** See {@link Transport.finalAdvertiseAddr}. */
  finalAdvertiseAddr(addr: string, port: number): AdvertisedAddress {
    const ip = addr === "" ? this.host : canonicalIp(addr);
    if (ip === undefined) {
      throw new MemberlistError(
        "advertise_address_failed",
        `${JSON.stringify(addr)} is not a literal IP; candidates: ${this.host}`,
        {
          details: { address: addr, candidates: [this.host] },
        },
      );
    }
    return { addr: ip, port: port === 0 ? this.port : port };
  }

  /** See {@link Transport.writeTo}. */
  writeTo(packet: Uint8Array, to: Address, done?: (error?: Error) => void): boolean {
    const error = this.#sendError(packet, to);
    if (error === undefined) this.#send(new Uint8Array(packet), to);
    if (done !== undefined) this.#reportLater(error === undefined ? done : () => done(error));
    return true;
  }

  /** See {@link Transport.dial}. */
  dial(to: Address, options: DialOptions): Promise<TransportStream> {
    const clock = this.#clock;
    const { signal, timeout } = options;
    if (this.#closed) return Promise.reject(shutdownError());
    if (signal?.aborted === true) return Promise.reject(abortedError(to, signal.reason));
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clock.clearTimeout(timer);
        stopListening?.();
        this.#dials.delete(fail);
      };
      const fail = (error: MemberlistError): void => {
        finish();
        giveUp();
        reject(error);
      };
      const timer = clock.setTimeout(() => fail(dialError("timeout", to, `no answer within ${timeout} ms`)), timeout);
      const stopListening = signal && onAbort(signal, () => fail(abortedError(to, signal.reason)));
      this.#dials.add(fail);
      const connected = (stream: MemoryStream): void => {
        finish();
        this.#adopt(stream);
        resolve(stream);
      };
      const giveUp = this.#fabric.connect(this, to, connected, () => fail(dialError("dial_failed", to, "connection refused")));
    });
  }

  /** See {@link Transport.listen}. */
  listen(listener: TransportListener): void {
    this.#listener = listener;
  }

  /** See {@link Transport.resolve}. */
  resolve(host: string, options: ResolveOptions): Promise<string[]> {
    const ip = canonicalIp(host);
    return this.#lookUp(host, options, ip === undefined ? this.#fabric.lookUp(host) : [ip]);
  }

  /** See {@link Transport.resolveSrv}. */
  resolveSrv(service: string, options: ResolveOptions): Promise<SrvRecord[]> {
    return this.#lookUp(service, options, this.#fabric.servers(service));
  }

  /** See {@link Transport.shutdown}. */
  shutdown(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#held = undefined;
      this.#unread = [];
      this.#clock.clearTimeout(this.#reading);
      this.#fabric.detach(this);
      for (const fail of this.#dials) fail(shutdownError());
      for (const stream of this.#streams) stream.close();
    }
    return Promise.resolve();
  }

  /** Delivers a packet; false without a listener. For the network. */
  deliver(packet: Uint8Array, from: Address): boolean {
    if (!this.listening) return false;
    if (this.#held !== undefined) this.#held.push(() => this.deliver(packet, from));
    else if (this.#readTime > 0) this.#unread.push([packet, from]);
    else this.#listener?.packet(packet, from, this.#clock.now());
    return true;
  }

  /** A stream has come in. For the network. */
  accept(stream: MemoryStream, from: Address): void {
    this.#adopt(stream);
    this.#listener?.stream(stream, from);
  }

  #lookUp<T>(name: string, { signal }: ResolveOptions, found: readonly T[] | undefined): Promise<T[]> {
    if (this.#closed) return Promise.reject(shutdownError());
    if (signal?.aborted === true) {
      return Promise.reject(new MemberlistError("aborted", `looking up ${name} was aborted`, { cause: signal.reason }));
    }
    if (found !== undefined) return Promise.resolve([...found]);
    return Promise.reject(new MemberlistError("resolve_failed", `no such host: ${name}`, { details: { host: name } }));
  }

  /** All that is sent at one instant is reported at once, at that instant. */
  #reportLater(report: () => void): void {
    this.#unreported.push(report);
    if (this.#unreported.length > 1) return;
    this.#clock.defer(() => {
      for (const each of this.#unreported.splice(0)) each();
    });
  }

  /** One of the unread packets after another, until it is held again. */
  #read(): void {
    if (this.#reading !== undefined) return;
    if (this.#unread.length === 0) {
      this.#readTime = 0;
      return;
    }
    this.#reading = this.#clock.setTimeout(() => {
      this.#reading = undefined;
      if (this.#held !== undefined) return;
      const [next] = this.#unread.splice(0, 1);
      if (next !== undefined) this.#listener?.packet(...next, this.#clock.now());
      this.#read();
    }, this.#readTime);
  }

  #send(packet: Uint8Array, to: Address): void {
    if (this.#held === undefined) this.#fabric.sendPacket(packet, this, to);
    else this.#held.push(() => this.#send(packet, to));
  }

  #adopt(stream: MemoryStream): void {
    this.#streams.add(stream);
    stream.onClose = () => this.#streams.delete(stream);
  }

  #sendError(packet: Uint8Array, to: Address): MemberlistError | undefined {
    if (this.#closed) return shutdownError();
    if (packet.length <= datagramMaxBytes) return undefined;
    return new MemberlistError("send_failed", `a packet of ${packet.length} bytes to ${formatAddress(to)} is too long for UDP`, {
      details: { bytes: packet.length, limit: datagramMaxBytes },
    });
  }
}

function shutdownError(): MemberlistError {
  return new MemberlistError("shutdown", "the transport has been shut down");
}

function abortedError(to: Address, cause: unknown): MemberlistError {
  return new MemberlistError("aborted", `dialling ${formatAddress(to)} was aborted`, { cause, details: { address: to } });
}

function dialError(code: "timeout" | "dial_failed", to: Address, why: string): MemberlistError {
  return new MemberlistError(code, `dialling ${formatAddress(to)} failed: ${why}`, { details: { address: to } });
}

import { MemberlistError, type Address, type TransportStream } from "@memberlist/core";
import { errorMessage, datagramMaxBytes, withoutMapping, type SendDone } from "@memberlist/core/internal";
import type { ControlStream } from "./control-stream.ts";
import type { ProvenPeer } from "./handshake.ts";
import { closeInfoOf, refusal } from "./refusal.ts";
import { QuicStream } from "./quic-stream.ts";

/** What a dialled stream begins with in either direction: the answer says that it is taken. */
const greeting = 1;

/** The events of a connection. */
export interface ConnectionEvents {
  packet(bytes: Uint8Array, from: Address, receivedAt: number): void;
  /** @returns false when there are too many */
  mayAcceptStream(): boolean;
  stream(stream: TransportStream, from: Address): void;
  streamClosed(): void;
  /** A stream or packet of the peer has come to nothing. */
  dropped(why: string, from: Address): void;
}

export interface PeerConnectionOptions {
  readonly conn: Deno.QuicConn;
  /** Whether we have dialled it. */
  readonly dialled: boolean;
  readonly events: ConnectionEvents;
  /** In ms: for a stream to say what it is, for a packet to arrive whole, and for what was written to a stream to go after its end. */
  readonly timeout: number;
}

/**
 * One QUIC connection to a peer. It reads from the start, so that a peer that sends anything before it has proven itself is found out
 * and closed, instead of filling buffers; after {@link PeerConnection.welcome} it delivers.
 */
export class PeerConnection {
  readonly dialled: boolean;
  readonly host: string;
  readonly port: number;
  /** Resolves when it is gone, with what closed it, as far as that is known. */
  readonly gone: Promise<Deno.QuicCloseInfo | undefined>;
  /** When we last sent, or heard something, in ms of `performance.now()`. */
  lastUsed: number = performance.now();
  lastHeard: number = performance.now();
  /** Not to be used for anything new, since then; closed as soon as no stream is open. */
  retiredAt: number | undefined;
  readonly #conn: Deno.QuicConn;
  readonly #options: PeerConnectionOptions;
  readonly #bidirectional: ReadableStreamDefaultReader<Deno.QuicBidirectionalStream>;
  readonly #unidirectional: ReadableStreamDefaultReader<Deno.QuicReceiveStream>;
  #peer: ProvenPeer | undefined;
  #address: Address;
  #control: ControlStream | undefined;
  /** Long packets that are still being written. */
  readonly #sending: Set<Promise<void>> = new Set();
  /** Streams, and long packets that come in. */
  #openStreams = 0;
  #peerLeaves = false;
  #isGone = false;

  constructor(options: PeerConnectionOptions) {
    const { conn } = options;
    this.#options = options;
    this.#conn = conn;
    this.dialled = options.dialled;
    const { hostname, port } = conn.remoteAddr;
    this.host = withoutMapping(hostname);
    this.port = port;
    this.#address = { host: this.host, port, name: "" };
    this.#bidirectional = conn.incomingBidirectionalStreams.getReader();
    this.#unidirectional = conn.incomingUnidirectionalStreams.getReader();
    this.gone = this.#watch();
    for (const loop of [this.#readPackets(), this.#readLongPackets()]) loop.catch((error: unknown) => this.close(error));
  }

  /** Undefined until it is proven. */
  get peer(): ProvenPeer | undefined {
    return this.#peer;
  }

  get address(): Address {
    return this.#address;
  }

  get isUsable(): boolean {
    return !this.#isGone && this.retiredAt === undefined;
  }

  get isIdle(): boolean {
    return this.#openStreams === 0;
  }

  /** What the dialler has asked TLS for. */
  get serverName(): string | undefined {
    return this.#conn.serverName;
  }

  /** The dialler opens the control stream. */
  openControl(): Promise<Deno.QuicBidirectionalStream> {
    return this.#conn.createBidirectionalStream();
  }

  /** The first stream that the dialler opens. */
  async acceptControl(): Promise<Deno.QuicBidirectionalStream> {
    const { done, value } = await this.#bidirectional.read();
    if (done) throw new MemberlistError("protocol_error", "the peer closed the connection");
    this.#readStreams(true).catch((error: unknown) => this.close(error));
    return value;
  }

  /** The peer has proven who it is: from here on what it sends is delivered. */
  welcome(peer: ProvenPeer, control: ControlStream): void {
    this.#peer = peer;
    this.#control = control;
    this.#address = { host: this.host, port: this.port, name: peer.identity.name };
    if (this.dialled) this.#readStreams(false).catch((error: unknown) => this.close(error));
  }

  /** From when the handshake is over: the peer's end of the control stream says that it is leaving, and waits for us to hang up. */
  watchControl(): void {
    const leaves = (): void => {
      this.retire();
      this.#peerLeaves = true;
      if (this.isIdle) this.close();
    };
    this.#control?.ended().then(leaves, leaves);
  }

  /**
   * Sends a packet: as a datagram if it fits, else on a stream of its own.
   *
   * @param done called once, later: without an error when QUIC has the packet. It must not throw
   */
  send(packet: Uint8Array, done: SendDone): void {
    this.lastUsed = performance.now();
    const fits = packet.byteLength <= this.#conn.maxDatagramSize;
    const sending = fits ? this.#conn.sendDatagram(packet) : this.#sendByStream(packet);
    if (!fits) {
      this.#sending.add(sending);
      const forget = (): unknown => this.#sending.delete(sending);
      sending.then(forget, forget);
    }
    // It does not reject: `done` gets the error.
    this.#settle(sending, done).catch(() => undefined);
  }

  /**
   * Opens a stream. It waits for the peer's answer, so that it rejects if the peer is gone or accepts no more streams.
   *
   * @throws Error if the stream cannot be opened, or `signal` is aborted
   */
  async open(signal: AbortSignal): Promise<TransportStream> {
    this.lastUsed = performance.now();
    const { readable, writable } = await this.#conn.createBidirectionalStream({ waitUntilAvailable: true });
    const reader: ReadableStreamDefaultReader<Uint8Array> = readable.getReader();
    const writer = writable.getWriter();
    const giveUp = (): void => abandon(reader, writer);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      signal.throwIfAborted();
      await writer.write(Uint8Array.of(greeting));
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done || value[0] !== greeting) throw new MemberlistError("dial_failed", "the peer accepts no more streams");
      this.#heard();
      return this.#track(reader, writer, value.subarray(1));
    } catch (error) {
      giveUp();
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** No longer for anything new; whoever keeps it closes it when no stream is open any more. */
  retire(): void {
    this.retiredAt ??= performance.now();
  }

  /** Says that we leave, behind the packets that are on their way, and waits until the peer has hung up. */
  async leave(): Promise<void> {
    this.retire();
    if (this.#control === undefined) return this.close();
    await Promise.allSettled(this.#sending);
    await this.#control.end();
    await this.gone;
  }

  /** Closes at once. The peer gets the code of a refusal, and of no other error. */
  close(why?: unknown): void {
    this.#isGone = true;
    this.#conn.close(closeInfoOf(why));
  }

  async #watch(): Promise<Deno.QuicCloseInfo | undefined> {
    try {
      return await this.#conn.closed;
    } catch {
      // It timed out, or failed.
      return undefined;
    } finally {
      this.#isGone = true;
    }
  }

  /** @throws MemberlistError `untrusted_peer` when the peer has not proven itself yet */
  #admit(): void {
    if (this.#peer === undefined) throw refusal("untrusted_peer", "something came before the proof of who it is from");
    this.#heard();
  }

  #heard(): void {
    this.lastHeard = performance.now();
    this.lastUsed = this.lastHeard;
  }

  async #readPackets(): Promise<void> {
    for (;;) {
      const bytes = await this.#conn.readDatagram();
      const receivedAt = performance.now();
      this.#admit();
      if (bytes.byteLength > 0) this.#options.events.packet(bytes, this.#address, receivedAt);
    }
  }

  async #readLongPackets(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#unidirectional.read();
      if (done) return;
      this.#admit();
      this.#readLongPacket(value.getReader()).catch((error: unknown) => {
        this.#options.events.dropped(`a packet on a stream: ${errorMessage(error)}`, this.#address);
      });
    }
  }

  async #readLongPacket(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const { timeout } = this.#options;
    this.#openStreams++;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reader.cancel().catch(() => undefined);
    }, timeout);
    try {
      const bytes = new Uint8Array(datagramMaxBytes);
      let length = 0;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        if (length + value.length > datagramMaxBytes) throw new MemberlistError("limit_exceeded", "it is too long");
        bytes.set(value, length);
        length += value.length;
      }
      // What is cancelled ends like what is whole.
      if (isLate) throw new MemberlistError("timeout", `it did not arrive whole within ${timeout} ms`);
      const receivedAt = performance.now();
      this.#heard();
      if (length > 0) this.#options.events.packet(bytes.slice(0, length), this.#address, receivedAt);
    } catch (error) {
      await reader.cancel().catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#streamEnded();
    }
  }

  async #readStreams(beforeProof: boolean): Promise<void> {
    for (;;) {
      const { done, value } = await this.#bidirectional.read();
      if (done) return;
      if (beforeProof) this.#admit();
      this.#acceptStream(value).catch((error: unknown) => {
        this.#options.events.dropped(`a stream: ${errorMessage(error)}`, this.#address);
      });
    }
  }

  async #acceptStream({ readable, writable }: Deno.QuicBidirectionalStream): Promise<void> {
    const { events, timeout } = this.#options;
    const reader: ReadableStreamDefaultReader<Uint8Array> = readable.getReader();
    const writer = writable.getWriter();
    if (!events.mayAcceptStream()) {
      abandon(reader, writer);
      throw new MemberlistError("limit_exceeded", "too many are open");
    }
    const timer = setTimeout(() => abandon(reader, writer), timeout);
    try {
      const { done, value } = await reader.read();
      if (done || value[0] !== greeting)
        throw new MemberlistError("protocol_error", "it did not begin with the greeting of a stream");
      this.#heard();
      await writer.write(Uint8Array.of(greeting));
      events.stream(
        this.#track(reader, writer, value.subarray(1), () => events.streamClosed()),
        this.#address,
      );
    } catch (error) {
      abandon(reader, writer);
      events.streamClosed();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #track(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    rest: Uint8Array,
    onClosed?: () => void,
  ): TransportStream {
    this.#openStreams++;
    const stream = new QuicStream({
      reader,
      writer,
      rest,
      linger: this.#options.timeout,
      onBytes: () => this.#heard(),
      onClosed: () => {
        onClosed?.();
        this.#streamEnded();
      },
    });
    return stream;
  }

  #streamEnded(): void {
    this.#openStreams--;
    if (this.#peerLeaves && this.isIdle) this.close();
  }

  async #settle(sending: Promise<void>, done: SendDone): Promise<void> {
    let failure: MemberlistError | undefined;
    try {
      await sending;
    } catch (cause) {
      const { host, port } = this;
      const message = `sending a packet to ${host} port ${port}: ${errorMessage(cause)}`;
      failure = new MemberlistError("send_failed", message, { cause, details: { host, port } });
    }
    done(failure);
  }

  async #sendByStream(packet: Uint8Array): Promise<void> {
    const stream = await this.#conn.createUnidirectionalStream({ waitUntilAvailable: true });
    const writer = stream.getWriter();
    await writer.write(packet);
    await writer.close();
  }
}

/** Ends both directions; either may be over already. */
function abandon(reader: ReadableStreamDefaultReader<Uint8Array>, writer: WritableStreamDefaultWriter<Uint8Array>): void {
  Promise.allSettled([writer.abort(), reader.cancel()]).catch(() => undefined);
}

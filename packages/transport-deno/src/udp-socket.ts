import { errorMessage, MemberlistError } from "@memberlist/core";
import { bindError, errnoOf, withoutMapping, type BindTarget, type Log } from "@memberlist/core/internal";

/** The largest UDP packet: one buffer is read into, and what has arrived is copied out of it. */
const packetBytesMax = 65_536;
/** Bytes that may be on their way to the kernel, whatever the number of packets. */
const pendingBytesMax = 16 * 1024 * 1024;
/** Waits after errors of receiving, in ms: doubling from the first to the last. */
const firstDelay = 5;
const lastDelay = 1000;

export interface UdpSocketOptions {
  readonly target: BindTarget;
  readonly port: number;
  /** Packets on their way to the kernel, from which on {@link UdpSocket.send} answers false. */
  readonly highWaterMark: number;
  /** Packets on their way, above which further ones are dropped. */
  readonly maxPending: number;
  readonly log: Log;
}

export type PacketHandler = (bytes: Uint8Array, host: string, port: number, receivedAt: number) => void;
export type SendDone = (error?: Error) => void;

/** A bound `Deno.DatagramConn` with bounded sends. No error of the socket gets out as an exception. */
export class UdpSocket {
  readonly target: BindTarget;
  readonly port: number;
  socketErrors = 0;
  emptyPackets = 0;
  droppedSends = 0;
  readonly #socket: Deno.DatagramConn;
  readonly #options: UdpSocketOptions;
  #pending = 0;
  #pendingBytes = 0;
  #drained: (() => void) | undefined;
  #receiving: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  private constructor(socket: Deno.DatagramConn, options: UdpSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    this.target = options.target;
    this.port = (socket.addr as Deno.NetAddr).port;
  }

  /** @throws MemberlistError `bind_failed` */
  static bind(options: UdpSocketOptions): UdpSocket {
    const { target, port } = options;
    try {
      return new UdpSocket(Deno.listenDatagram({ transport: "udp", hostname: target.address, port }), options);
    } catch (error) {
      throw bindError("UDP", target, port, error as Error);
    }
  }

  /** From here on packets are delivered. */
  start(onPacket: PacketHandler): void {
    if (this.#closing === undefined) this.#receiving ??= this.#receive(onPacket);
  }

  /**
   * Sends to a literal IP of this socket's family.
   *
   * @param done called once, later: without an error when the kernel has the packet
   * @returns false from the high-water mark on
   */
  send(packet: Uint8Array, host: string, port: number, done: SendDone | undefined): boolean {
    if (this.#closing !== undefined) {
      later(done, new MemberlistError("shutdown", "the transport is shut down"));
      return false;
    }
    const waiting = this.#pending;
    if (waiting >= this.#options.maxPending || this.#pendingBytes + packet.byteLength > pendingBytesMax) {
      this.droppedSends++;
      this.#options.log.warn(
        "udp_send_queue_full",
        "dropped a packet: too many are waiting to be sent. Pause when a send returns false",
        { host, port, waiting },
      );
      later(done, new MemberlistError("limit_exceeded", "too many packets wait to be sent", { details: { waiting } }));
      return false;
    }
    this.#pendingBytes += packet.byteLength;
    this.#pending++;
    // What fails is told to `done`: only that itself can throw.
    this.#handOver(packet, host, port, done).catch((error: unknown) => {
      this.#options.log.error("udp_send_callback", `the callback of a send threw: ${errorMessage(error)}`, { error });
    });
    return waiting + 1 < this.#options.highWaterMark;
  }

  /** Lets the kernel have what is on its way, then closes. Resolves when the socket is gone. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#socket.close();
    this.#wake?.();
    await this.#receiving;
  }

  async #handOver(packet: Uint8Array, host: string, port: number, done: SendDone | undefined): Promise<void> {
    const error = await this.#send(packet, host, port);
    this.#pending--;
    this.#pendingBytes -= packet.byteLength;
    if (this.#pending === 0) this.#drained?.();
    done?.(error);
  }

  async #send(packet: Uint8Array, hostname: string, port: number): Promise<Error | undefined> {
    try {
      await this.#socket.send(packet, { transport: "udp", hostname, port });
      return undefined;
    } catch (error) {
      const details = { host: hostname, port, bytes: packet.byteLength, errno: errnoOf(error) };
      const why = errorMessage(error);
      this.#options.log.debug("udp_send_failed", `sending a UDP packet failed: ${why}`, details);
      return new MemberlistError("send_failed", `sending a packet to ${hostname} port ${port}: ${why}`, {
        cause: error,
        details,
      });
    }
  }

  async #receive(onPacket: PacketHandler): Promise<void> {
    const buffer = new Uint8Array(packetBytesMax);
    let delay = 0;
    while (this.#closing === undefined) {
      try {
        const [bytes, from] = await this.#socket.receive(buffer);
        const receivedAt = performance.now();
        delay = 0;
        this.#deliver(bytes, from as Deno.NetAddr, receivedAt, onPacket);
      } catch (error) {
        // Closing ends the receive that waits with an error.
        if (this.#closing !== undefined) return;
        this.socketErrors++;
        const fields = { address: this.target.address, error };
        this.#options.log.warn("udp_socket_error", `UDP socket: ${errorMessage(error)}`, fields);
        delay = delay === 0 ? firstDelay : Math.min(delay * 2, lastDelay);
        await this.#pause(delay);
      }
    }
  }

  #deliver(bytes: Uint8Array, from: Deno.NetAddr, receivedAt: number, onPacket: PacketHandler): void {
    if (this.#closing !== undefined) return;
    if (bytes.byteLength > 0) return onPacket(bytes.slice(), withoutMapping(from.hostname), from.port, receivedAt);
    this.emptyPackets++;
    this.#options.log.debug("udp_packet_empty", "an empty packet was dropped", { host: from.hostname, port: from.port });
  }

  async #pause(delay: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, delay);
    });
    clearTimeout(timer);
  }
}

function later(done: SendDone | undefined, error: Error): void {
  if (done !== undefined) queueMicrotask(() => done(error));
}

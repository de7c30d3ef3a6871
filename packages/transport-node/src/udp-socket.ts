import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { MemberlistError, errorMessage } from "@memberlist/core";
import { bindError, errnoOf, withoutMapping, type BindTarget, type Log } from "@memberlist/core/internal";

/**
 * Packets handed to the kernel per turn of the event loop. A send is a system call made at once, and its callback comes before
 * the loop polls again; so a caller that sends on from callbacks would never let a packet in. libuv reads up to 32 packets per turn
 * and socket: sending no more than that keeps both directions going at the same pace, and costs one cheap turn per 32 packets.
 */
const burst = 32;
/** Sends that the kernel has not taken yet (its send buffer is full, libuv holds them); above that the queue holds the rest. */
const inFlightMax = 256;
/** Bytes that may wait here, whatever the number of packets. */
const pendingBytesMax = 16 * 1024 * 1024;

export interface UdpSocketOptions {
  readonly target: BindTarget;
  readonly port: number;
  /** Bytes asked of the kernel for what has arrived and is not read yet. */
  readonly receiveBuffer: number;
  /** Packets waiting, from which on {@link UdpSocket.send} answers false. */
  readonly highWaterMark: number;
  /** Packets waiting, above which further ones are dropped. */
  readonly maxPending: number;
  readonly log: Log;
}

export type PacketHandler = (bytes: Uint8Array, host: string, port: number, receivedAt: number) => void;
export type SendDone = (error?: Error) => void;

interface PendingSend {
  readonly packet: Uint8Array;
  readonly host: string;
  readonly port: number;
  readonly done: SendDone | undefined;
}

/** A bound `dgram` socket with paced, bounded sends. No error of the socket gets out as an exception. */
export class UdpSocket {
  readonly target: BindTarget;
  readonly port: number;
  /** Bytes that the kernel gives in fact (Linux counts its own book-keeping in, and so says twice what was asked). */
  readonly receiveBuffer: number;
  socketErrors = 0;
  emptyPackets = 0;
  droppedSends = 0;
  readonly #socket: Socket;
  readonly #options: UdpSocketOptions;
  #onPacket: PacketHandler | undefined;
  #queue: PendingSend[] = [];
  #head = 0;
  #queuedBytes = 0;
  #inFlight = 0;
  #sentThisTurn = 0;
  #turnScheduled = false;
  #closing: Promise<void> | undefined;

  private constructor(socket: Socket, options: UdpSocketOptions) {
    this.#socket = socket;
    this.#options = options;
    this.target = options.target;
    this.port = socket.address().port;
    this.receiveBuffer = sizeReceiveBuffer(socket, options);
    socket.on("error", (error) => {
      this.socketErrors++;
      // That a peer is gone is for the probes to find out.
      const level = errnoOf(error) === "ECONNREFUSED" ? "debug" : "warn";
      options.log[level]("udp_socket_error", `UDP socket: ${error.message}`, { address: this.target.address, error });
    });
    socket.on("message", (bytes, from) => this.#receive(bytes, from));
  }

  /** @throws MemberlistError `bind_failed` */
  static bind(options: UdpSocketOptions): Promise<UdpSocket> {
    const { target, port } = options;
    return new Promise((resolve, reject) => {
      const socket = createSocket({
        type: target.family === 4 ? "udp4" : "udp6",
        ipv6Only: target.ipv6Only,
        lookup: literalLookup(target.family),
      });
      const fail = (error: Error): void => {
        socket.close();
        reject(bindError("UDP", target, port, error));
      };
      socket.once("error", fail);
      socket.bind({ address: target.address, port, exclusive: true }, () => {
        socket.off("error", fail);
        resolve(new UdpSocket(socket, options));
      });
    });
  }

  /** From here on packets are delivered; those that came before are gone. */
  start(onPacket: PacketHandler): void {
    this.#onPacket = onPacket;
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
    const waiting = this.#queue.length - this.#head;
    if (waiting === 0 && this.#mayHandOver()) {
      this.#handOver({ packet, host, port, done });
      return true;
    }
    if (waiting >= this.#options.maxPending || this.#queuedBytes + packet.byteLength > pendingBytesMax) {
      this.droppedSends++;
      this.#options.log.warn(
        "udp_send_queue_full",
        "dropped a packet: too many are waiting to be sent. Pause when a send returns false",
        { host, port, waiting },
      );
      later(done, new MemberlistError("limit_exceeded", "too many packets wait to be sent", { details: { waiting } }));
      return false;
    }
    this.#queue.push({ packet, host, port, done });
    this.#queuedBytes += packet.byteLength;
    return waiting + 1 < this.#options.highWaterMark;
  }

  /** Hands what waits to the kernel, then closes. Resolves when the socket is gone. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      while (this.#head < this.#queue.length) this.#handOver(this.#next());
      this.#socket.close(() => resolve());
    });
    return this.#closing;
  }

  #receive(bytes: Uint8Array, from: RemoteInfo): void {
    const receivedAt = performance.now();
    if (this.#onPacket === undefined || this.#closing !== undefined) return;
    if (bytes.byteLength === 0) {
      this.emptyPackets++;
      this.#options.log.debug("udp_packet_empty", "an empty packet was dropped", { host: from.address, port: from.port });
      return;
    }
    // A plain view: a Buffer's slice() shares memory where a Uint8Array's copies, and the receiver must not have to know.
    const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#onPacket(plain, withoutMapping(from.address), from.port, receivedAt);
  }

  #mayHandOver(): boolean {
    return this.#sentThisTurn < burst && this.#inFlight < inFlightMax;
  }

  #next(): PendingSend {
    const next = this.#queue[this.#head++] as PendingSend;
    this.#queuedBytes -= next.packet.byteLength;
    if (this.#head === this.#queue.length || this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return next;
  }

  #handOver(send: PendingSend): void {
    this.#sentThisTurn++;
    this.#inFlight++;
    this.#scheduleTurn();
    let inside = true;
    let isRetried = false;
    const sent = (error: Error | null): void => {
      // A peer that is gone answers by ICMP, and the kernel tells of it at whatever the socket does next (seen on Bun): this packet
      // was for somebody else, and has not been sent.
      if (error !== null && errnoOf(error) === "ECONNREFUSED" && !isRetried) {
        isRetried = true;
        hand();
        return;
      }
      this.#inFlight--;
      if (this.#head < this.#queue.length) this.#scheduleTurn();
      if (error !== null && error !== undefined) this.#failed(send, error, inside);
      else if (inside) later(send.done);
      else send.done?.();
    };
    const hand = (): void => {
      try {
        this.#socket.send(send.packet, send.port, send.host, sent);
      } catch (error) {
        sent(error as Error);
      }
    };
    hand();
    inside = false;
  }

  #failed(send: PendingSend, error: Error, inside: boolean): void {
    const { host, port, done } = send;
    this.#options.log.debug("udp_send_failed", `sending a UDP packet failed: ${error.message}`, {
      host,
      port,
      bytes: send.packet.byteLength,
    });
    const failure = new MemberlistError("send_failed", `sending a packet to ${host} port ${port}: ${error.message}`, {
      cause: error,
      details: { host, port, bytes: send.packet.byteLength, errno: errnoOf(error) },
    });
    if (inside) later(done, failure);
    else done?.(failure);
  }

  /** The next turn: after the loop has polled, and so after what has arrived was delivered. */
  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => {
      this.#turnScheduled = false;
      this.#sentThisTurn = 0;
      while (this.#head < this.#queue.length && this.#mayHandOver()) this.#handOver(this.#next());
    });
  }
}

function later(done: SendDone | undefined, error?: Error): void {
  if (done !== undefined) queueMicrotask(() => done(error));
}

type LookupCallback = (error: Error | null, address: string, family: number) => void;

/**
 * `dgram` looks up every destination, a literal IP too; that costs a turn of the event loop and about half of the throughput. We
 * only ever send to literal IPs, so they are handed back at once. (Node passes a family as the second argument, others options.)
 */
function literalLookup(family: number): (hostname: string, options: unknown, callback: LookupCallback) => void {
  return (hostname, _options, callback) => callback(null, hostname, family);
}

/** Asks for the wanted size and halves it until the kernel accepts it; says what came of it. */
function sizeReceiveBuffer(socket: Socket, options: UdpSocketOptions): number {
  const { receiveBuffer: wanted, log, target } = options;
  for (let size = wanted; size > 0; size = Math.floor(size / 2)) {
    try {
      socket.setRecvBufferSize(size);
      break;
    } catch (error) {
      log.debug(
        "udp_receive_buffer_refused",
        `the kernel refused a UDP receive buffer of ${size} bytes: ${errorMessage(error)}`,
        { address: target.address, size },
      );
    }
  }
  const granted = receiveBufferSize(socket);
  if (granted < wanted) {
    const message =
      "the kernel grants a smaller UDP receive buffer than wanted; bursts may lose packets (Linux: net.core.rmem_max)";
    log.info("udp_receive_buffer_small", message, { address: target.address, wanted, granted });
  }
  return granted;
}

function receiveBufferSize(socket: Socket): number {
  try {
    return socket.getRecvBufferSize();
  } catch {
    return 0;
  }
}

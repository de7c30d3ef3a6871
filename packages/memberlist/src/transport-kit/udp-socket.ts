import { errorMessage, MemberlistError, errnoOf } from "../api/errors.ts";
import type { Log } from "../ports/log.ts";
import { withoutMapping, type BindTarget } from "./bind-target.ts";

/** Bytes that may wait to be sent, in any number of packets. */
const pendingBytesMax = 16 * 1024 * 1024;

export type PacketHandler = (bytes: Uint8Array, host: string, port: number, receivedAt: number) => void;
/** Called once, never within the send: without an error when the kernel has the packet. */
export type SendDone = (error?: Error) => void;

/** The runtime's bound UDP socket. */
export interface DatagramSocket {
  readonly port: number;
  /** Bytes that the kernel gives the socket to receive into; undefined where the runtime does not report it. */
  readonly receiveBuffer?: number;
  /** Packets that wait for the kernel, and their bytes. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Sends one, and calls {@link Datagram.sent} once, later. */
  send(datagram: Datagram): void;
  /** Starts delivery. */
  receive(packet: PacketHandler, failed: (error: unknown) => void): void;
  /** Lets the kernel have what waits, then closes. Resolves when the socket is gone. */
  close(): Promise<void>;
}

export interface UdpSocketOptions {
  readonly target: BindTarget;
  readonly log: Log;
  /** Packets waiting, from which on {@link UdpSocket.send} answers false. */
  readonly highWaterMark: number;
  /** Packets waiting, above which further ones are dropped. */
  readonly maxPending: number;
}

/** A packet on its way to the kernel. */
export class Datagram {
  readonly packet: Uint8Array;
  readonly host: string;
  readonly port: number;
  readonly done: SendDone | undefined;
  readonly log: Log;

  constructor(packet: Uint8Array, host: string, port: number, done: SendDone | undefined, log: Log) {
    this.packet = packet;
    this.host = host;
    this.port = port;
    this.done = done;
    this.log = log;
  }

  /** The kernel has the packet, or refused it. */
  sent(error?: unknown): void {
    const failure = error === undefined || error === null ? undefined : this.#failure(error);
    if (this.done !== undefined) callDone(this.done, failure, this.log);
  }

  #failure(error: unknown): MemberlistError {
    const { host, port } = this;
    const details = { host, port, bytes: this.packet.byteLength, errno: errnoOf(error) };
    const message = errorMessage(error);
    this.log.debug("udp_send_failed", `sending a UDP packet failed: ${message}`, details);
    return new MemberlistError("send_failed", `sending a packet to ${host} port ${port}: ${message}`, { cause: error, details });
  }
}

/** Bounded sends, and counted errors, around a runtime's UDP socket. No error of the socket is thrown. */
export class UdpSocket {
  readonly target: BindTarget;
  /** The runtime's. */
  readonly socket: DatagramSocket;
  socketErrors = 0;
  emptyPackets = 0;
  droppedSends = 0;
  readonly #options: UdpSocketOptions;
  #closing: Promise<void> | undefined;

  constructor(socket: DatagramSocket, options: UdpSocketOptions) {
    this.socket = socket;
    this.target = options.target;
    this.#options = options;
  }

  /** From here on packets are delivered. */
  start(onPacket: PacketHandler): void {
    if (this.#closing !== undefined) return;
    this.socket.receive(
      (bytes, host, port, receivedAt) => {
        if (this.#closing !== undefined) return;
        if (bytes.byteLength > 0) onPacket(bytes, withoutMapping(host), port, receivedAt);
        else this.#empty(host, port);
      },
      (error) => this.#failed(error),
    );
  }

  /**
   * Sends to a literal IP of this socket's family.
   *
   * @returns false from the high-water mark on
   */
  send(packet: Uint8Array, host: string, port: number, done: SendDone | undefined): boolean {
    const { highWaterMark, maxPending, log } = this.#options;
    if (this.#closing !== undefined) {
      callDoneLater(done, new MemberlistError("shutdown", "the transport is shut down"), log);
      return false;
    }
    const { socket } = this;
    const { waiting } = socket;
    if (waiting >= maxPending || socket.waitingBytes + packet.byteLength > pendingBytesMax) {
      this.droppedSends++;
      const message = "dropped a packet: too many are waiting to be sent. Pause when a send returns false";
      log.warn("udp_send_queue_full", message, { host, port, waiting });
      callDoneLater(
        done,
        new MemberlistError("limit_exceeded", "too many packets wait to be sent", { details: { waiting } }),
        log,
      );
      return false;
    }
    socket.send(new Datagram(packet, host, port, done, log));
    return socket.waiting < highWaterMark;
  }

  /** Lets the kernel have what waits, then closes. Resolves when the socket is gone. */
  close(): Promise<void> {
    this.#closing ??= this.socket.close();
    return this.#closing;
  }

  #empty(host: string, port: number): void {
    this.emptyPackets++;
    this.#options.log.debug("udp_packet_empty", "an empty packet was dropped", { host, port });
  }

  #failed(error: unknown): void {
    this.socketErrors++;
    // An ICMP answer about a peer that is gone. The probes find that out.
    const level = errnoOf(error) === "ECONNREFUSED" ? "debug" : "warn";
    const fields = { address: this.target.address, error };
    this.#options.log[level]("udp_socket_failed", `UDP socket: ${errorMessage(error)}`, fields);
  }
}

/** As {@link callDone}, but later, never within the send. */
export function callDoneLater(done: SendDone | undefined, error: Error | undefined, log: Log): void {
  if (done !== undefined) queueMicrotask(() => callDone(done, error, log));
}

/** Calls `done`, and logs an error that it throws: it must not stop the callbacks of other packets. */
export function callDone(done: SendDone, error: Error | undefined, log: Log): void {
  try {
    done(error);
  } catch (thrown) {
    log.error("udp_send_callback_failed", `the callback of a send threw: ${errorMessage(thrown)}`, { error: thrown });
  }
}

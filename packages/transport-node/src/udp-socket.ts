import { createSocket, type Socket } from "node:dgram";
import {
  errorMessage,
  errnoOf,
  packetSent,
  type Binding,
  type Datagram,
  type DatagramSocket,
  type PacketHandler,
} from "@memberlist/core/internal";

/**
 * Packets handed to the kernel per turn of the event loop. A send is a system call made at once, and its callback comes before
 * the loop polls again; so a caller that sends on from callbacks would never let a packet in. libuv reads up to 32 packets per turn
 * and socket: sending no more than that keeps both directions going at the same pace, and costs one cheap turn per 32 packets.
 */
const burst = 32;
/** Sends that the kernel has not taken yet (its send buffer is full, libuv keeps them); the queue takes further ones. */
const inFlightMax = 256;
/** Bun always reports an empty queue, and a packet that it may have to send once more. */
const isBun = process.versions["bun"] !== undefined;
/** The default size of the kernel's receive buffer, in bytes. */
const receiveBufferDefault = 2 * 1024 * 1024;

/** A bound `dgram` socket that paces its sends. */
export class UdpSocket implements DatagramSocket {
  readonly port: number;
  /** Linux counts its own book-keeping, and so reports twice what was asked. */
  readonly receiveBuffer: number;
  waitingBytes = 0;
  readonly #socket: Socket;
  /** Whether the runtime reports what waits for the kernel. Deno does not. */
  readonly #showsQueue: boolean;
  #queue: Datagram[] = [];
  #head = 0;
  #inFlight = 0;
  #sentThisTurn = 0;
  #turnScheduled = false;

  private constructor(socket: Socket, binding: Binding, receiveBuffer: number) {
    this.#socket = socket;
    this.#showsQueue = !isBun && "getSendQueueCount" in socket;
    this.port = socket.address().port;
    this.receiveBuffer = sizeReceiveBuffer(socket, binding, receiveBuffer);
    // Without a listener it would be thrown. From `receive` on it is counted.
    socket.on("error", () => undefined);
  }

  /** @param receiveBuffer bytes asked of the kernel for packets that have arrived and are not read yet */
  static bind(binding: Binding, receiveBuffer: number = receiveBufferDefault): Promise<UdpSocket> {
    const { family, ipv6Only, address } = binding.target;
    return new Promise((resolve, reject) => {
      const socket = createSocket({ type: family === 4 ? "udp4" : "udp6", ipv6Only, lookup: literalLookup(family) });
      const fail = (error: Error): void => {
        socket.close();
        reject(error);
      };
      socket.once("error", fail);
      socket.bind({ address, port: binding.port, exclusive: true }, () => {
        socket.off("error", fail);
        resolve(new UdpSocket(socket, binding, receiveBuffer));
      });
    });
  }

  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  receive(packet: PacketHandler, failed: (error: unknown) => void): void {
    this.#socket.on("error", failed);
    this.#socket.on("message", (bytes, from) => {
      const receivedAt = performance.now();
      // A plain view: a Buffer's slice() shares memory where a Uint8Array's copies, and the receiver must not have to know.
      packet(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), from.address, from.port, receivedAt);
    });
  }

  send(datagram: Datagram): void {
    if (this.waiting === 0 && this.#mayHandOver()) return this.#handOver(datagram);
    this.#queue.push(datagram);
    this.waitingBytes += datagram.packet.byteLength;
  }

  close(): Promise<void> {
    while (this.waiting > 0) this.#handOver(this.#next());
    return new Promise((resolve) => {
      this.#socket.close(() => resolve());
    });
  }

  #mayHandOver(): boolean {
    return this.#sentThisTurn < burst && this.#inFlight < inFlightMax;
  }

  #next(): Datagram {
    const next = this.#queue[this.#head++] as Datagram;
    this.waitingBytes -= next.packet.byteLength;
    if (this.#head === this.#queue.length || this.#head >= 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return next;
  }

  #handOver(datagram: Datagram): void {
    this.#sentThisTurn++;
    this.#inFlight++;
    this.#scheduleTurn();
    this.#hand(datagram, false);
  }

  #hand(datagram: Datagram, isRetry: boolean): void {
    let inside = true;
    let isFreed = false;
    const sent = (error: Error | null): void => {
      // A peer that is gone answers by ICMP, and the kernel reports that at the socket's next operation (seen on Bun): this packet
      // was for another peer, and has not been sent.
      if (error !== null && !isRetry && !isFreed && errnoOf(error) === "ECONNREFUSED") return this.#hand(datagram, true);
      this.#inFlight--;
      if (this.waiting > 0) this.#scheduleTurn();
      if (inside) queueMicrotask(() => datagram.sent(error));
      else datagram.sent(error);
    };
    try {
      this.#socket.send(datagram.packet, datagram.port, datagram.host, sent);
    } catch (error) {
      sent(error as Error);
    }
    inside = false;
    // None waits in libuv: the kernel has copied this packet, or has refused it. Its memory may now get the bytes of another.
    isFreed = this.#showsQueue && this.#socket.getSendQueueCount() === 0 && packetSent(datagram.packet);
  }

  /** The next turn: after the loop has polled, and so after what has arrived was delivered. */
  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => {
      this.#turnScheduled = false;
      this.#sentThisTurn = 0;
      while (this.waiting > 0 && this.#mayHandOver()) this.#handOver(this.#next());
    });
  }
}

type LookupCallback = (error: Error | null, address: string, family: number) => void;

/**
 * `dgram` looks up every destination, a literal IP too; that costs a turn of the event loop and about half of the throughput. This socket
 * sends to literal IPs only, so they are returned at once. (Node passes a family as the second argument, others options.)
 */
function literalLookup(family: number): (hostname: string, options: unknown, callback: LookupCallback) => void {
  return (hostname, _options, callback) => callback(null, hostname, family);
}

/** Asks for the wanted size and halves it until the kernel accepts it; returns the size that it gives. */
function sizeReceiveBuffer(socket: Socket, { log, target: { address } }: Binding, wanted: number): number {
  for (let size = wanted; size > 0; size = Math.floor(size / 2)) {
    try {
      socket.setRecvBufferSize(size);
      break;
    } catch (error) {
      const message = `the kernel refused a UDP receive buffer of ${size} bytes: ${errorMessage(error)}`;
      log.debug("udp_receive_buffer_refused", message, { address, size });
    }
  }
  const granted = receiveBufferSize(socket);
  if (granted < wanted) {
    const message =
      "the kernel grants a smaller UDP receive buffer than wanted; bursts may lose packets (Linux: net.core.rmem_max)";
    log.info("udp_receive_buffer_small", message, { address, wanted, granted });
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

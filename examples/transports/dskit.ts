import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { MemberlistError } from "@memberlist/core";
import { formatAddress, parseAddress, type Address, type AdvertisedAddress, type DialOptions } from "@memberlist/core/transport";
import type { Transport, TransportListener, TransportStream } from "@memberlist/core/transport";

const [packetType, streamType] = [1, 2];
const [maxPacketBytes, digestBytes] = [65_507, 16];
const [maxWaiting, maxSending] = [256, 16]; // packets
const [dialTimeout, packetTimeout, flushTimeout] = [2_000, 5_000, 250]; // ms

/**
 * The transport of Grafana's dskit (Mimir, Loki, Tempo): one TCP connection for each packet and each stream. A packet's connection carries 0x01,
 * the length (u8) and the text of the sender's address, the packet, and the packet's MD5. A stream's connection begins with 0x02.
 *
 * @example
 * const tcp = await NodeTransport.create({ bindAddrs: ["0.0.0.0"], bindPort: 7946, udp: false, logOutput: process.stderr });
 * await createMemberlist({ ...lanConfig(), name: "web-1", bindPort: 7946, transport: new DskitTransport(tcp) });
 */
export class DskitTransport implements Transport {
  readonly crypto: Transport["crypto"];
  readonly resolve: Transport["resolve"];
  readonly #tcp: Transport;
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #sending = new Set<Promise<void>>();
  #from = new Uint8Array(0);
  #shutdown: Promise<void> | undefined;

  /** @param tcp makes the connections, such as a `NodeTransport` or a `DenoTransport`; its packets are not used */
  constructor(tcp: Transport) {
    this.#tcp = tcp;
    this.crypto = tcp.crypto;
    this.resolve = tcp.resolve?.bind(tcp);
  }

  async finalAdvertiseAddr(addr: string, port: number): Promise<AdvertisedAddress> {
    const final = await this.#tcp.finalAdvertiseAddr(addr, port);
    this.#from = new TextEncoder().encode(formatAddress({ host: final.addr, port: final.port }));
    return final;
  }

  writeTo(packet: Uint8Array, to: Address, done?: (error?: Error) => void): boolean {
    const end = (cause?: Error): void => done?.(cause && new MemberlistError("send_failed", cause.message, { cause }));
    const isFull = this.#shutdown !== undefined || this.#waiting.length >= maxWaiting;
    if (isFull) queueMicrotask(() => end(new Error("the transport is shut down, or too many packets are waiting")));
    else this.#waiting.push(() => this.#send(packet, to).then(() => end(), end));
    this.#sendNext();
    return this.#waiting.length < maxWaiting / 2;
  }

  async dial(to: Address, options: DialOptions): Promise<TransportStream> {
    if (this.#shutdown !== undefined) throw new MemberlistError("shutdown", "the transport is shut down");
    const stream = await this.#tcp.dial(to, options);
    const writer = stream.writable.getWriter();
    // If the connection is broken already, the caller's first write fails.
    writer.write(Uint8Array.of(streamType)).catch(() => undefined);
    writer.releaseLock();
    return stream;
  }

  listen(listener: TransportListener): void {
    this.#tcp.listen({
      packet: () => false,
      // A peer that is silent, or does not know the protocol, is disconnected.
      stream: (stream, peer) => void receive(stream, peer, listener).catch(() => stream.close()),
    });
  }

  shutdown(): Promise<void> {
    const flush = async (): Promise<void> => {
      while (this.#sending.size > 0) await Promise.all(this.#sending);
    };
    const late = new Promise((resolve) => setTimeout(resolve, flushTimeout));
    this.#shutdown ??= Promise.race([flush(), late]).then(() => this.#tcp.shutdown());
    return this.#shutdown;
  }

  #sendNext(): void {
    const send = this.#sending.size < maxSending ? this.#waiting.shift() : undefined;
    if (send === undefined) return;
    const sending = send().finally(() => {
      this.#sending.delete(sending);
      this.#sendNext();
    });
    this.#sending.add(sending);
  }

  async #send(packet: Uint8Array, to: Address): Promise<void> {
    if (packet.length > maxPacketBytes) throw new Error(`it has ${packet.length} bytes, and the limit is ${maxPacketBytes}`);
    const stream = await this.#tcp.dial(to, { timeout: dialTimeout });
    const timer = setTimeout(() => stream.close(), packetTimeout);
    try {
      const writer = stream.writable.getWriter();
      const digest = createHash("md5").update(packet).digest();
      await writer.write(Buffer.concat([Uint8Array.of(packetType, this.#from.length), this.#from, packet, digest]));
      await writer.close();
    } finally {
      clearTimeout(timer);
      stream.close();
    }
  }
}

/** Rejects if the connection carries neither a whole packet nor a stream. */
async function receive(stream: TransportStream, peer: Address, listener: TransportListener): Promise<void> {
  const timer = setTimeout(() => stream.close(), packetTimeout);
  const reader = stream.readable.getReader();
  const chunks: Uint8Array[] = [];
  for (let length = 0; ;) {
    const { value } = await reader.read();
    if (chunks.length === 0 && value?.[0] === streamType) {
      clearTimeout(timer);
      return listener.stream(
        { readable: after(value.slice(1), reader), writable: stream.writable, close: () => stream.close() },
        peer,
      );
    }
    length += value?.length ?? 0;
    if (length > 2 + 255 + maxPacketBytes + digestBytes) throw new Error("the packet is too long");
    if (value === undefined) break;
    chunks.push(value);
  }
  clearTimeout(timer);
  stream.close();
  const bytes = Buffer.concat(chunks);
  const begin = 2 + (bytes[1] ?? 0);
  const packet = new Uint8Array(bytes.subarray(begin, -digestBytes));
  const from = parseAddress(bytes.toString("utf8", 2, begin), 0);
  const isWhole = bytes.length >= begin + digestBytes && bytes[0] === packetType && isIP(from.host) !== 0;
  if (!isWhole || !createHash("md5").update(packet).digest().equals(bytes.subarray(-digestBytes))) return;
  listener.packet(packet, { ...from, name: "" }, performance.now());
}

/** The rest of what the reader reads, behind its first bytes. */
function after(first: Uint8Array, reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => void (first.length > 0 && controller.enqueue(first)),
      pull: async (controller) => {
        const { value } = await reader.read();
        if (value === undefined) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

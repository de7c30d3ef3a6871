/**
 * Packets on a stream: a header of 15 bytes, then each packet behind its length (u16, big-endian). The header says that the stream carries
 * packets, which port the sender itself listens on, and which sender it is (8 random bytes, the same on all of its streams). No other stream
 * begins with its first byte: they begin with a message type (0 to 13) or a label (244). Source: PROTOCOL.md sections 1 and 4.
 *
 * The other direction carries acknowledgements of 4 bytes: how many bytes of the stream have been read so far (u32, big-endian, wrapping).
 * So a sender notices a connection that has died, and has never more than a window of bytes under way.
 */
const magic: readonly number[] = [0xe7, 0x4d, 0x4c, 0x50, 2];
const portBytes = 2;
export const senderIdBytes = 8;
const headerBytes = magic.length + portBytes + senderIdBytes;
const lengthBytes = 2;
const ackBytes = 4;

/** In bytes: as long as a UDP datagram may be. */
export const maxPacketBytes = 65_507;

/** What a frame adds to its packet, in bytes. */
export const frameOverhead: number = lengthBytes;

/** Whether a stream that begins with this byte carries packets. */
export function beginsPackets(byte: number | undefined): boolean {
  return byte === magic[0];
}

/** What a stream of packets begins with. */
export function encodeHeader(port: number, senderId: Uint8Array): Uint8Array {
  return Uint8Array.of(...magic, port >>> 8, port & 0xff, ...senderId);
}

/** A packet behind its length. */
export function encodeFrame(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(lengthBytes + packet.length);
  frame[0] = packet.length >>> 8;
  frame[1] = packet.length & 0xff;
  frame.set(packet, lengthBytes);
  return frame;
}

/** @param bytes how many have been read since the stream began */
export function encodeAck(bytes: number): Uint8Array {
  const ack = bytes >>> 0;
  return Uint8Array.of(ack >>> 24, (ack >>> 16) & 0xff, (ack >>> 8) & 0xff, ack & 0xff);
}

/** Reads what {@link encodeAck} has written, in chunks of any size. */
export class AckReader {
  #partial = 0;
  #filled = 0;
  /** The latest acknowledgement; undefined before the first. */
  latest: number | undefined;

  push(chunk: Uint8Array): void {
    for (const byte of chunk) {
      this.#partial = ((this.#partial << 8) | byte) >>> 0;
      if (++this.#filled < ackBytes) continue;
      this.latest = this.#partial;
      this.#filled = 0;
    }
  }
}

/** Takes a stream of packets apart. It holds no more than one frame that is not whole yet, and the last chunk. */
export class FrameReader {
  /** What has come of the header or a frame that is not whole yet: the first {@link #held} bytes. */
  #buffer: Uint8Array = new Uint8Array(0);
  #held = 0;
  /** Of the header; undefined until that is read. */
  port: number | undefined;
  /** Of the header, as hexadecimal digits. */
  senderId = "";

  /** Whether a frame, or the header, has begun and is not whole. */
  get isPartial(): boolean {
    return this.#held > 0;
  }

  /**
   * The packets that these bytes complete, each with memory of its own.
   *
   * @returns undefined when the bytes are not what a sender of packets sends: the stream is of no use any more
   */
  push(chunk: Uint8Array): Uint8Array[] | undefined {
    let bytes = this.#held === 0 ? chunk : this.#append(chunk);
    const packets: Uint8Array[] = [];
    if (this.port === undefined) {
      if (bytes.length < headerBytes) return this.#keep(bytes, packets);
      if (!this.#readHeader(bytes)) return undefined;
      bytes = bytes.subarray(headerBytes);
    }
    while (bytes.length >= lengthBytes) {
      const length = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
      if (length === 0 || length > maxPacketBytes) return undefined;
      if (bytes.length < lengthBytes + length) break;
      packets.push(bytes.slice(lengthBytes, lengthBytes + length));
      bytes = bytes.subarray(lengthBytes + length);
    }
    return this.#keep(bytes, packets);
  }

  #readHeader(bytes: Uint8Array): boolean {
    const at = magic.length;
    if (magic.some((byte, index) => bytes[index] !== byte)) return false;
    this.port = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const id = bytes.subarray(at + portBytes, headerBytes);
    this.senderId = Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return this.port !== 0;
  }

  /** The buffer grows by doubling: a frame that comes byte by byte is not copied for each of them. */
  #append(chunk: Uint8Array): Uint8Array {
    const total = this.#held + chunk.length;
    if (total > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(total, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#held));
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#held);
    this.#held = total;
    return this.#buffer.subarray(0, total);
  }

  #keep(rest: Uint8Array, packets: Uint8Array[]): Uint8Array[] {
    const isKept = rest.buffer === this.#buffer.buffer && rest.length === this.#held;
    if (!isKept) {
      this.#buffer = rest.slice();
      this.#held = rest.length;
    }
    return packets;
  }
}

import { MemberlistError } from "../api/errors.ts";
import { datagramMaxBytes } from "../wire/constants.ts";

/**
 * Packets on a stream: a header of 15 bytes, then each packet behind its length (u16, big-endian). The header says that the stream carries
 * packets, which port the sender itself listens on, and which of its links it belongs to (8 random bytes, the same on all connections of that link).
 * No other stream begins with its first byte: they begin with a message type (0 to 13) or a label (244). Source: PROTOCOL.md sections 1 and 4.
 *
 * The other direction carries acknowledgements of 4 bytes: how many bytes of the stream have been handled so far (u32, big-endian, wrapping); the first
 * one once a packet was accepted. So a sender notices a connection that has died, and has never more than a window of bytes under way.
 */
const magic: readonly number[] = [0xe7, 0x4d, 0x4c, 0x50, 2];
const portBytes = 2;
export const linkIdBytes = 8;
const headerBytes = magic.length + portBytes + linkIdBytes;
const lengthBytes = 2;
const ackBytes = 4;

/** The bytes that a frame adds to its packet. */
export const frameOverhead: number = lengthBytes;

/** Whether a stream that begins with this byte carries packets. */
export function beginsPackets(byte: number | undefined): boolean {
  return byte === magic[0];
}

/** The first bytes of a stream of packets. */
export function encodeHeader(port: number, linkId: Uint8Array): Uint8Array {
  return Uint8Array.of(...magic, port >>> 8, port & 0xff, ...linkId);
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

/**
 * Takes a stream of packets apart: {@link push} adds bytes, {@link next} returns one packet at a time, so that the caller decides how many it handles at
 * once. It keeps at most one incomplete frame besides the last chunk.
 */
export class FrameReader {
  /** Memory for an incomplete header or frame. */
  #buffer: Uint8Array = new Uint8Array(0);
  /** The bytes that {@link next} has not returned yet. */
  #rest: Uint8Array = this.#buffer;
  /** Of the header; undefined until that is read. */
  port: number | undefined;
  /** Of the header, as hexadecimal digits. */
  linkId = "";

  /** Whether a frame, or the header, has begun and is not complete. Valid once {@link next} has returned undefined. */
  get isPartial(): boolean {
    return this.#rest.length > 0;
  }

  push(chunk: Uint8Array): void {
    this.#rest = this.#rest.length === 0 ? chunk : this.#appended(chunk);
  }

  /**
   * The next complete packet, with memory of its own; undefined when more bytes are needed.
   *
   * @throws MemberlistError `protocol_error` when the bytes are not a stream of packets
   */
  next(): Uint8Array | undefined {
    if (this.port === undefined && !this.#takeHeader()) return this.#keepRest();
    const rest = this.#rest;
    if (rest.length < lengthBytes) return this.#keepRest();
    const length = ((rest[0] ?? 0) << 8) | (rest[1] ?? 0);
    if (length === 0 || length > datagramMaxBytes) throw malformed(`a packet of ${length} bytes`);
    const end = lengthBytes + length;
    if (rest.length < end) return this.#keepRest();
    this.#rest = rest.subarray(end);
    return rest.slice(lengthBytes, end);
  }

  /** False: it is not complete. */
  #takeHeader(): boolean {
    const rest = this.#rest;
    if (rest.length < headerBytes) return false;
    if (magic.some((byte, index) => rest[index] !== byte)) throw malformed("an unknown header");
    const at = magic.length;
    const port = ((rest[at] ?? 0) << 8) | (rest[at + 1] ?? 0);
    if (port === 0) throw malformed("a header without a port");
    const id = rest.subarray(at + portBytes, headerBytes);
    this.linkId = Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.port = port;
    this.#rest = rest.subarray(headerBytes);
    return true;
  }

  /** The buffer grows by doubling: a frame that comes byte by byte is not copied for each of them. */
  #appended(chunk: Uint8Array): Uint8Array {
    const kept = this.#rest.length;
    const total = kept + chunk.length;
    if (total > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(total, 2 * this.#buffer.length));
      grown.set(this.#rest);
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, kept);
    return this.#buffer.subarray(0, total);
  }

  /** The chunk's memory is the transport's; and a long buffer is not kept for a short rest. */
  #keepRest(): undefined {
    const rest = this.#rest;
    const isKept = rest.buffer === this.#buffer.buffer && rest.byteOffset === this.#buffer.byteOffset;
    if (isKept && rest.length > 0) return undefined;
    this.#buffer = rest.slice();
    this.#rest = this.#buffer;
    return undefined;
  }
}

function malformed(what: string): MemberlistError {
  return new MemberlistError("protocol_error", `not a stream of packets: ${what}`);
}

/**
 * Packets on a stream: a header of 7 bytes, then each packet behind its length (u16, big-endian). The header says that the stream
 * carries packets and which port the sender itself listens on. No other stream begins with its first byte: they begin with a message
 * type (0 to 13) or a label (244). Source: PROTOCOL.md sections 1 and 4.
 */
const magic: readonly number[] = [0xe7, 0x4d, 0x4c, 0x50, 1];
const headerBytes = 7;

/** In bytes: as long as a UDP datagram may be. */
export const maxPacketBytes = 65_507;

/** Whether a stream that begins with this byte carries packets. */
export function beginsPackets(byte: number | undefined): boolean {
  return byte === magic[0];
}

/** What a stream of packets begins with. */
export function encodeHeader(port: number): Uint8Array {
  return Uint8Array.of(...magic, port >>> 8, port & 0xff);
}

/** A packet behind its length. */
export function encodeFrame(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + packet.length);
  frame[0] = packet.length >>> 8;
  frame[1] = packet.length & 0xff;
  frame.set(packet, 2);
  return frame;
}

/** Takes a stream of packets apart. It holds no more than one frame that is not whole yet, and the last chunk. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);
  /** Of the header; undefined until that is read. */
  port: number | undefined;

  /**
   * The packets that these bytes complete, each with memory of its own.
   *
   * @returns undefined when the bytes are not what a sender of packets sends: the stream is of no use any more
   */
  push(chunk: Uint8Array): Uint8Array[] | undefined {
    let bytes = this.#joined(chunk);
    if (this.port === undefined) {
      if (bytes.length < headerBytes) return this.#keep(bytes);
      if (magic.some((byte, index) => bytes[index] !== byte)) return undefined;
      this.port = ((bytes[5] ?? 0) << 8) | (bytes[6] ?? 0);
      if (this.port === 0) return undefined;
      bytes = bytes.subarray(headerBytes);
    }
    const packets: Uint8Array[] = [];
    while (bytes.length >= 2) {
      const length = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
      if (length === 0 || length > maxPacketBytes) return undefined;
      if (bytes.length < 2 + length) break;
      packets.push(bytes.slice(2, 2 + length));
      bytes = bytes.subarray(2 + length);
    }
    this.#keep(bytes);
    return packets;
  }

  #joined(chunk: Uint8Array): Uint8Array {
    if (this.#rest.length === 0) return chunk;
    const joined = new Uint8Array(this.#rest.length + chunk.length);
    joined.set(this.#rest);
    joined.set(chunk, this.#rest.length);
    return joined;
  }

  #keep(bytes: Uint8Array): Uint8Array[] {
    this.#rest = bytes.slice();
    return [];
  }
}

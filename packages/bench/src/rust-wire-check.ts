import { crc32 } from "../../memberlist/src/wire/crc.ts";
import { decryptGcm, type PacketContent, type WireForm } from "./wire-check.ts";

/**
 * The wire form of the Rust crate. It has the layers of the Go library, but each starts with a tag, an algorithm and a length. Messages are encoded like
 * protocol buffers, and compressed by Snappy instead of LZW.
 */
const tag = { user: 9, checksum: 13, compressed: 14, encrypted: 15 } as const;
const algorithm = { aesGcm: 1, crc32: 1, snappy: 4 } as const;

const lengthSize = 4;
const crcSize = 4;
/** The crate (0.8.5) computes the CRC-32 as a number of 64 bits, but writes and compares only the upper half. */
const upperHalf = 0;
const nonceAndTag = 12 + 16;
/** The crate's default: shorter messages stay as they are. */
const compressedFrom = 512;

/** @throws Error if the packet is not encrypted by that key, its checksum is wrong, or it contains anything but one user message */
function contentOf(packet: Uint8Array, key: Uint8Array | null): PacketContent {
  const clear = key === null ? packet : decrypt(packet, key);
  const hasCrc = clear[0] === tag.checksum;
  const message = hasCrc ? checked(clear) : clear;
  const isCompressed = message[0] === tag.compressed;
  const inner = isCompressed ? decompressed(message) : message;
  const [length, start] = varint(inner, 1);
  if (inner[0] !== tag.user || start + length !== inner.length) {
    throw new Error(`a message of type ${inner[0]} instead of one user message`);
  }
  return { messages: [inner.subarray(start)], inner, isCompressed, hasCrc, isEncrypted: key !== null };
}

export const rustWire: WireForm = { contentOf, compressedFrom };

function decrypt(packet: Uint8Array, key: Uint8Array): Uint8Array {
  expectHeader(packet, tag.encrypted, algorithm.aesGcm);
  const start = 2 + lengthSize;
  const length = u32(packet, 2);
  if (packet.length !== start + length + nonceAndTag) throw new Error("the length of the encrypted part is wrong");
  return decryptGcm(packet.subarray(start), key);
}

function checked(clear: Uint8Array): Uint8Array {
  expectHeader(clear, tag.checksum, algorithm.crc32);
  const start = 2 + lengthSize;
  const end = start + u32(clear, 2);
  const message = clear.subarray(start, end);
  if (end + crcSize !== clear.length || ![crc32(message), upperHalf].includes(u32(clear, end))) {
    throw new Error("the checksum is wrong");
  }
  return message;
}

function decompressed(message: Uint8Array): Uint8Array {
  // The algorithm takes two bytes. The second is the level, which Snappy does not use.
  expectHeader(message, tag.compressed, algorithm.snappy);
  const start = 3 + 2 * lengthSize;
  const clear = unsnap(message.subarray(start, start + u32(message, 3 + lengthSize)));
  if (clear.length !== u32(message, 3)) throw new Error("the length of the decompressed message is wrong");
  return clear;
}

function expectHeader(bytes: Uint8Array, type: number, algorithmId: number): void {
  if (bytes[0] !== type || bytes[1] !== algorithmId) {
    throw new Error(`a layer of type ${bytes[0]}, algorithm ${bytes[1]}, instead of ${type} and ${algorithmId}`);
  }
}

/** Decompresses Snappy's block format. @throws Error if the block is malformed */
export function unsnap(block: Uint8Array): Uint8Array {
  const [size, start] = varint(block, 0);
  const out = new Uint8Array(size);
  let to = 0;
  for (let at = start; at < block.length;) {
    const type = byte(block, at) & 3;
    const short = byte(block, at++) >> 2;
    if (type === 0) {
      const extra = short < 60 ? 0 : short - 59;
      const length = 1 + (extra === 0 ? short : littleEndian(block, at, extra));
      at += extra;
      if (at + length > block.length || to + length > size) throw new Error("a literal exceeds the block");
      out.set(block.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const offsetSize = type === 3 ? 4 : type;
    const length = type === 1 ? 4 + (short & 7) : 1 + short;
    const offset = littleEndian(block, at, offsetSize) + (type === 1 ? (short >> 3) << 8 : 0);
    at += offsetSize;
    if (offset === 0 || offset > to || to + length > size) throw new Error("a copy reaches beyond the block");
    for (const end = to + length; to < end; to++) out[to] = byte(out, to - offset);
  }
  if (to !== size) throw new Error("the block ends early");
  return out;
}

/** @returns the number, and the offset of its end */
function varint(bytes: Uint8Array, start: number): readonly [value: number, end: number] {
  let value = 0;
  for (let at = start, unit = 1; ; at++, unit *= 128) {
    const next = byte(bytes, at);
    value += (next & 127) * unit;
    if (next < 128) return [value, at + 1];
  }
}

function littleEndian(bytes: Uint8Array, start: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + byte(bytes, start + i);
  return value;
}

function u32(bytes: Uint8Array, start: number): number {
  let value = 0;
  for (let i = 0; i < lengthSize; i++) value = value * 256 + byte(bytes, start + i);
  return value;
}

function byte(bytes: Uint8Array, at: number): number {
  const found = bytes[at];
  if (found === undefined) throw new Error("the packet ends early");
  return found;
}

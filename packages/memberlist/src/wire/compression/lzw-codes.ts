/*
 * LZW as the Go peers use it: LSB first, 8-bit literals, codes of 9 to 12 bits, clear code 256, end code 257.
 */

import { randomBytes } from "../../ports/crypto.ts";

export const clearCode = 256;
export const endCode = 257;
export const minWidth = 9;
export const maxWidth = 12;
/** Also the last code that is given out. */
export const maxCode: number = (1 << maxWidth) - 1;

/** Of a compressor's dictionary, a hash table. At most 3,838 entries live: it is never half full. */
export const hashBitsMax: number = 13;

/** Few bytes need few entries, which are cleared, and cached, sooner. */
export function hashBitsFor(size: number): number {
  if (size <= 2048) return size <= 512 ? 11 : 12;
  return hashBitsMax;
}

let key: Uint16Array | undefined;

/**
 * The secret of the keyed hash of a compressor's dictionary: a random number of 16 bits for each code, then one for each byte. Drawn once in a
 * process, when it is asked for first.
 */
export function hashKey(): Uint16Array {
  const count = maxCode + 1 + 256;
  key ??= new Uint16Array(randomBytes(2 * count).buffer);
  return key;
}

/** Codes are written by 16 bits; so much room is needed for what is left of them, a clear code and the end code. */
const slack = 16;

/** The largest output of so many bytes of input: a 12-bit code each. After a clear code the codes are shorter, which makes up for it. */
export function lzwWorst(size: number): number {
  return size + (size >>> 1) + slack;
}

/** A scratch buffer over this is not kept, in bytes. */
const keptScratchMax = 64 * 1024;

let scratch: Uint8Array | undefined;

/** Memory for an output: shared, when it is short. */
export function scratchOf(size: number): Uint8Array {
  if (size > keptScratchMax) return new Uint8Array(size);
  return (scratch ??= new Uint8Array(keptScratchMax));
}

/** The written bytes of a buffer, as separate bytes; no copy where the buffer is long and nearly full. */
export function outputOf(buffer: Uint8Array, size: number): Uint8Array {
  const written = buffer.subarray(0, size);
  const isOwn = buffer.length > keptScratchMax;
  return isOwn && size >= buffer.length - (buffer.length >>> 2) ? written : new Uint8Array(written);
}

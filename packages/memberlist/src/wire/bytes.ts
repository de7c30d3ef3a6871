/** The empty byte string. */
export const emptyBytes: Uint8Array = new Uint8Array(0);

/** A copy that shares nothing with `bytes`. Not `bytes.slice()`: a Node `Buffer` answers that with a view. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? emptyBytes : new Uint8Array(bytes);
}

/** Copied in one go, in bytes: some 0.3 ms. */
export const copiedInOneGo: number = 512 * 1024;
/** Up to here, in bytes, the memory behind a view may stay with it: a packet of usual length. */
const viewedMax = 2048;

/**
 * Bytes that may be kept: those given, or a copy where they are a small part of the memory behind them. A few bytes of a packet that
 * decompressed to 1 MiB would keep all of it.
 */
export function keepable(bytes: Uint8Array): Uint8Array {
  return pinsMuch(bytes) ? copyBytes(bytes) : bytes;
}

/** As {@link keepable}, a long copy in parts. @param yieldNow awaited between them */
export async function keepableInParts(bytes: Uint8Array, yieldNow: (() => Promise<void>) | undefined): Promise<Uint8Array> {
  if (!pinsMuch(bytes)) return bytes;
  const copy = new Uint8Array(bytes.length);
  for (let from = 0; from < bytes.length; from += copiedInOneGo) {
    if (from > 0) await yieldNow?.();
    copy.set(bytes.subarray(from, from + copiedInOneGo), from);
  }
  return copy;
}

/** Whether to keep `bytes` is to keep over twice their memory. */
function pinsMuch(bytes: Uint8Array): boolean {
  const { byteLength } = bytes.buffer;
  return byteLength > viewedMax && bytes.length * 2 < byteLength;
}

/** The same bytes as a plain `Uint8Array`: a runtime's own kind of array is dearer to take views of, and its `slice()` may share memory. */
export function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** In lower case, two characters a byte. */
export function bytesToHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Longer packets, in bytes, get an array of their own: it costs about as much as wasting the rest of a slab. */
const sharedMax = 8 * 1024;
const slabSize = 64 * 1024;

let slab: ArrayBuffer | undefined;
let used = 0;

/**
 * Zeroed bytes for a packet on its way out. An array of its own costs a microsecond and its garbage collection as much, a view of a
 * slab a twentieth of that: so the buffer behind it holds other packets, too. Not for what is kept for long: it would keep all of
 * the slab.
 */
export function packetBytes(size: number): Uint8Array<ArrayBuffer> {
  if (size > sharedMax) return new Uint8Array(size);
  // Full, or detached: a transport, which owns its packets, may have transferred one.
  if (slab === undefined || used + size > slab.byteLength) {
    slab = new ArrayBuffer(slabSize);
    used = 0;
  }
  const bytes = new Uint8Array(slab, used, size);
  // Whole words, so that copies are aligned.
  used += (size + 7) & ~7;
  return bytes;
}

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

/** Whether to keep `bytes`, or a part of them of this size, is to keep over twice its memory. */
export function pinsMuch(bytes: Uint8Array, size: number = bytes.length): boolean {
  const { byteLength } = bytes.buffer;
  return byteLength > viewedMax && size * 2 < byteLength;
}

/** The same bytes as a plain `Uint8Array`: a runtime's own kind of array is dearer to take views of, and its `slice()` may share memory. */
export function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The bytes from `start` to `end`: `bytes` itself if that is all of it, because making a view takes time. */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
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

/** A big-endian number of 4 bytes. */
export function readU32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

/** A big-endian number of 6 bytes. */
export function readU48(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) * 256 + (bytes[at + 1] as number)) * 2 ** 32 + readU32(bytes, at + 2);
}

/** Big-endian. @returns the offset behind it */
export function writeU32(bytes: Uint8Array, at: number, value: number): number {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (24 - 8 * i);
  return at + 4;
}

/** Big-endian. @returns the offset behind it */
export function writeU48(bytes: Uint8Array, at: number, value: number): number {
  const high = Math.floor(value / 2 ** 32);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  return writeU32(bytes, at + 2, value >>> 0);
}

/** In lower case, two characters a byte. */
export function bytesToHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Makes bytes that share buffers ("slabs") with others. An array of its own costs a microsecond and its garbage collection as much, a view
 * of a slab a twentieth of that. One view that stays keeps its whole slab. The bytes are zero, unless they were taken back before.
 */
export class Slabs {
  readonly #slabSize: number;
  readonly #sharedMax: number;
  readonly #headroom: number;
  /** Less one: what is given out starts, with its headroom, at a multiple of this power of two. So a mask finds the start from any offset in the headroom. */
  readonly #align: number;
  #slab: ArrayBuffer | undefined;
  #used = 0;

  /**
   * @param sharedMax longer ones, in bytes, get an array of their own, which costs about as much as wasting the rest of a slab
   * @param headroom bytes in front of those given out, for {@link grown}: a power of two from 8 on, or 0
   */
  constructor(slabSize: number, sharedMax: number, headroom: number = 0) {
    this.#slabSize = slabSize;
    this.#sharedMax = sharedMax;
    this.#headroom = headroom;
    this.#align = Math.max(8, 2 * headroom) - 1;
  }

  bytes(size: number): Uint8Array<ArrayBuffer> {
    if (size > this.#sharedMax) return new Uint8Array(size);
    // Full, or detached: an application may have transferred bytes that it was given.
    if (this.#slab === undefined || this.#used + this.#headroom + size > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(this.#slabSize);
      this.#used = 0;
    }
    const bytes = new Uint8Array(this.#slab, this.#used + this.#headroom, size);
    this.#used = this.#endOf(bytes);
    return bytes;
  }

  /** The same bytes and `more` in front of them; undefined unless they were given out last, and there is so much headroom. */
  grown(bytes: Uint8Array, more: number): Uint8Array<ArrayBuffer> | undefined {
    if (this.#slab === undefined || more > this.#headroom || !this.#isLast(bytes)) return undefined;
    return new Uint8Array(this.#slab, bytes.byteOffset - more, bytes.length + more);
  }

  /** Gives these bytes out again, if they were given out last. The caller must not use them afterwards, and must give them back only once. */
  takeBack(bytes: Uint8Array): void {
    if (this.#isLast(bytes)) this.#used = bytes.byteOffset & ~this.#align;
  }

  #isLast(bytes: Uint8Array): boolean {
    return bytes.buffer === this.#slab && this.#endOf(bytes) === this.#used;
  }

  #endOf(bytes: Uint8Array): number {
    return (bytes.byteOffset + bytes.length + this.#align) & ~this.#align;
  }

  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const copy = this.bytes(bytes.length);
    copy.set(bytes);
    return copy;
  }
}

/** A slab holds the longest packet twice: before its encryption and after. The headroom is for a checksum and a label of usual length. */
const packets = new Slabs(132 * 1024, 64 * 1024, 32);
/** The packet that {@link reusePacket} was called for last. */
let reusable: Uint8Array | undefined;

/** Bytes for a packet on its way out, with any content. Not for what is kept for long: see {@link Slabs}. */
export function packetBytes(size: number): Uint8Array<ArrayBuffer> {
  return packets.bytes(size);
}

/** A copy of bytes as {@link packetBytes}. */
export function packetCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return packets.copy(bytes);
}

/** A packet of `overhead` more bytes in front of `message`, made without a copy; undefined where that is not possible. Nobody else may use `message`. */
export function inPacket(message: Uint8Array, overhead: number): Uint8Array<ArrayBuffer> | undefined {
  return packets.grown(message, overhead);
}

/** Takes bytes of {@link packetBytes} back, as {@link Slabs.takeBack} does. */
export function takePacketBack(bytes: Uint8Array): void {
  packets.takeBack(bytes);
}

/** From now on only the transport uses this packet: its memory may be given out again once {@link packetSent} is called. */
export function reusePacket(packet: Uint8Array): void {
  reusable = packet;
}

/**
 * The kernel has copied a packet.
 *
 * @returns whether its bytes may change from now on
 */
export function packetSent(packet: Uint8Array): boolean {
  if (packet !== reusable) return false;
  reusable = undefined;
  packets.takeBack(packet);
  return true;
}

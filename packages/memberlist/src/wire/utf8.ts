import { randomBytes } from "../ports/crypto.ts";
import { stringMaxSize } from "./constants.ts";

let decoder: InstanceType<typeof TextDecoder> | undefined;

/** Where escaped bytes live: byte 0x80 is U+DC80, byte 0xff is U+DCFF (as Python's `surrogateescape` has it). */
const escapeBase = 0xdc00;
/** Replaces any other lone surrogate. */
const replacement = 0xfffd;
/** Up to this length one `fromCharCode` call beats TextDecoder. */
const shortStringMax = 128;

/**
 * Each message repeats the names of members, so decoded strings are kept and found by their bytes. Each has two slots: two names with one hash do
 * not push each other out. A power of two.
 */
const recentStrings = 16 * 1024;
let recent: string[] | undefined;

/**
 * The secret of {@link hashOf}: a multiplier for each character of the longest string of a message. Drawn once in a process. Without it a peer could make
 * up names that all have one hash.
 */
let multipliers: Int32Array | undefined;
/** The string that was hashed last, and its hash. A name that was decoded is looked up next, and then added. */
let [lastHashed, lastHash] = ["", 0];

/** Multilinear hashing, of UTF-16 code units. */
export function hashOf(value: string): number {
  if (value === lastHashed) return lastHash;
  // Callers in plain JavaScript may pass anything.
  if (typeof value !== "string") return 0;
  const factors = (multipliers ??= drawMultipliers());
  let hash = Math.imul(factors[0] as number, value.length);
  for (let i = 0; i < value.length; i++) {
    hash = (hash + Math.imul(factors[(i + 1) & (stringMaxSize - 1)] as number, value.charCodeAt(i))) | 0;
  }
  lastHashed = value;
  return (lastHash = hash);
}

/** The {@link hashOf} of the string of `size` bytes from `at` on; undefined where one of them is not ASCII. */
export function hashAt(bytes: Uint8Array, at: number, size: number): number | undefined {
  const factors = (multipliers ??= drawMultipliers());
  let hash = Math.imul(factors[0] as number, size);
  for (let i = 0; i < size;) {
    const byte = bytes[at + i++] as number;
    if (byte >= 0x80) return undefined;
    hash = (hash + Math.imul(factors[i & (stringMaxSize - 1)] as number, byte)) | 0;
  }
  return hash;
}

function drawMultipliers(): Int32Array {
  return new Int32Array(randomBytes(4 * stringMaxSize).buffer);
}

/**
 * The bytes of `value` in UTF-8. A lone surrogate U+DC80 to U+DCFF becomes the byte that {@link decodeUtf8} escaped; any other
 * lone surrogate becomes U+FFFD.
 */
export function encodeUtf8(value: string): Uint8Array {
  const { length } = value;
  for (let i = 0; i < length; i++) if (value.charCodeAt(i) >= 0x80) return encodeUnicode(value);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = value.charCodeAt(i);
  return bytes;
}

/**
 * The string of `size` bytes from `at` on, without a loss: valid UTF-8 decodes as usual, and each byte that is not part of a valid
 * sequence becomes a lone surrogate that {@link encodeUtf8} turns back into that byte. So two names that differ in bytes differ as strings.
 *
 * @param size at most 4,096 (`stringMaxSize`): each byte may become an argument of one call
 */
export function decodeUtf8(bytes: Uint8Array, at: number = 0, size: number = bytes.length - at): string {
  if (size === 0) return "";
  const hash = size > shortStringMax ? undefined : hashAt(bytes, at, size);
  if (hash === undefined) return decodeUnicode(bytes.subarray(at, at + size));
  lastHash = hash;
  return (lastHashed = asciiString(bytes, at, size, hash));
}

function asciiString(bytes: Uint8Array, at: number, size: number, hash: number): string {
  recent ??= Array.from({ length: recentStrings }, () => "");
  const slot = (hash ^ (hash >>> 15)) & (recentStrings - 2);
  const first = recent[slot] as string;
  if (isAsciiAt(bytes, at, size, first)) return first;
  const other = recent[slot + 1] as string;
  if (isAsciiAt(bytes, at, size, other)) return other;
  const value = String.fromCharCode.apply(null, bytes.subarray(at, at + size) as unknown as number[]);
  recent[slot + 1] = first;
  recent[slot] = value;
  return value;
}

/** Whether the `size` bytes from `at` on, all of them ASCII, are this string. */
export function isAsciiAt(bytes: Uint8Array, at: number, size: number, value: string): boolean {
  if (value.length !== size) return false;
  for (let i = 0; i < size; i++) if (value.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}

function decodeUnicode(bytes: Uint8Array): string {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return decodeEscaped(bytes);
    at += length;
  }
  decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
  return decoder.decode(bytes);
}

/** One pass over the code units: a peer's name may be thousands of bytes of which none is valid. */
function encodeUnicode(value: string): Uint8Array {
  const bytes = new Uint8Array(value.length * 3);
  let at = 0;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x80) {
      bytes[at++] = unit;
    } else if (isEscape(unit)) {
      bytes[at++] = unit - escapeBase;
    } else if (unit < 0x800) {
      bytes[at++] = 0xc0 | (unit >>> 6);
      bytes[at++] = 0x80 | (unit & 0x3f);
    } else if (isPairAt(value, i, unit)) {
      const point = 0x10000 + ((unit & 0x3ff) << 10) + (value.charCodeAt(++i) & 0x3ff);
      bytes[at++] = 0xf0 | (point >>> 18);
      bytes[at++] = 0x80 | ((point >>> 12) & 0x3f);
      bytes[at++] = 0x80 | ((point >>> 6) & 0x3f);
      bytes[at++] = 0x80 | (point & 0x3f);
    } else {
      const valid = unit >= 0xd800 && unit < 0xe000 ? replacement : unit;
      bytes[at++] = 0xe0 | (valid >>> 12);
      bytes[at++] = 0x80 | ((valid >>> 6) & 0x3f);
      bytes[at++] = 0x80 | (valid & 0x3f);
    }
  }
  return bytes.slice(0, at);
}

/** Whether a lone surrogate stands for a byte. A second half of a pair must have been skipped. */
function isEscape(unit: number): boolean {
  return unit >= 0xdc80 && unit <= 0xdcff;
}

/** Whether `unit`, which is at `i`, is the first half of a surrogate pair. */
function isPairAt(value: string, i: number, unit: number): boolean {
  if (unit < 0xd800 || unit >= 0xdc00) return false;
  const next = value.charCodeAt(i + 1);
  return next >= 0xdc00 && next < 0xe000;
}

/** The code units of one string. An array: fromCharCode takes its elements twice as fast as a Uint16Array's. */
const units: number[] = [];

/** One pass over the bytes, as {@link encodeUnicode}. */
function decodeEscaped(bytes: Uint8Array): string {
  let count = 0;
  let at = 0;
  while (at < bytes.length) {
    const lead = bytes[at] as number;
    const length = sequenceLength(bytes, at);
    if (length === 0) {
      units[count++] = escapeBase + lead;
      at++;
    } else if (length === 1) {
      units[count++] = lead;
      at++;
    } else {
      let point = lead & (0xff >>> (length + 1));
      for (let i = 1; i < length; i++) point = (point << 6) | ((bytes[at + i] as number) & 0x3f);
      at += length;
      if (length < 4) {
        units[count++] = point;
      } else {
        units[count++] = 0xd7c0 + (point >>> 10);
        units[count++] = 0xdc00 | (point & 0x3ff);
      }
    }
  }
  units.length = count;
  return String.fromCharCode.apply(null, units);
}

/** How long the valid UTF-8 sequence at `offset` is (Unicode table 3-7); 0 for an invalid one. */
function sequenceLength(bytes: Uint8Array, offset: number): number {
  const lead = bytes[offset] as number;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (offset + length > bytes.length) return 0;
  const second = bytes[offset + 1] as number;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let i = 2; i < length; i++) {
    if (((bytes[offset + i] as number) & 0xc0) !== 0x80) return 0;
  }
  return length;
}

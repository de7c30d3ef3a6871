let encoder: InstanceType<typeof TextEncoder> | undefined;
let decoder: InstanceType<typeof TextDecoder> | undefined;

/** Where escaped bytes live: byte 0x80 is U+DC80, byte 0xff is U+DCFF (as Python's `surrogateescape` has it). */
const escapeBase = 0xdc00;
/** Up to here one `fromCharCode` call beats a TextDecoder. */
const shortTextMax = 128;

/**
 * The names of members come again and again, with each message: a text that was made once is found by its bytes, in one of two places, so
 * that two names that fall on the same one do not drive each other out. A power of two.
 */
const recentTexts = 16 * 1024;
let recent: string[] | undefined;

/**
 * The bytes of `text` in UTF-8. A lone surrogate U+DC80 to U+DCFF becomes the byte that {@link decodeText} escaped; any other
 * lone surrogate becomes U+FFFD.
 */
export function encodeText(text: string): Uint8Array {
  const { length } = text;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return encodeUnicode(text);
    bytes[i] = unit;
  }
  return bytes;
}

/**
 * The text of `size` bytes from `at` on. Nothing is lost: valid UTF-8 decodes as usual, and each byte that is not part of a valid
 * sequence becomes a lone surrogate that {@link encodeText} turns back into that byte. So two names that differ in bytes differ as text.
 */
export function decodeText(bytes: Uint8Array, at: number = 0, size: number = bytes.length - at): string {
  if (size === 0) return "";
  let hash = size;
  const end = at + size;
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte >= 0x80 || size > shortTextMax) return decodeUnicode(bytes.subarray(at, end));
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  recent ??= Array.from({ length: recentTexts }, () => "");
  const first = (hash ^ (hash >>> 15)) & (recentTexts - 2);
  const known = recent[first] as string;
  if (isAsciiAt(bytes, at, size, known)) return known;
  const other = recent[first + 1] as string;
  if (isAsciiAt(bytes, at, size, other)) return other;
  const text = String.fromCharCode.apply(null, bytes.subarray(at, end) as unknown as number[]);
  recent[first + 1] = known;
  recent[first] = text;
  return text;
}

function isAsciiAt(bytes: Uint8Array, at: number, size: number, text: string): boolean {
  if (text.length !== size) return false;
  for (let i = 0; i < size; i++) if (text.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}

function decodeUnicode(bytes: Uint8Array): string {
  decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes);
  } catch {
    return decodeEscaped(decoder, bytes);
  }
}

function encodeUnicode(text: string): Uint8Array {
  encoder ??= new TextEncoder();
  const pieces: Uint8Array[] = [];
  let size = 0;
  let start = 0;
  const add = (piece: Uint8Array): void => {
    pieces.push(piece);
    size += piece.length;
  };
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next < 0xe000) i++;
    } else if (unit >= 0xdc80 && unit <= 0xdcff) {
      if (i > start) add(encoder.encode(text.slice(start, i)));
      add(Uint8Array.of(unit - escapeBase));
      start = i + 1;
    }
  }
  const tail = encoder.encode(text.slice(start));
  if (pieces.length === 0) return tail;
  add(tail);
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

function decodeEscaped(strict: { decode(bytes: Uint8Array): string }, bytes: Uint8Array): string {
  let text = "";
  let start = 0;
  let offset = 0;
  while (offset < bytes.length) {
    const length = sequenceLength(bytes, offset);
    if (length > 0) {
      offset += length;
      continue;
    }
    if (offset > start) text += strict.decode(bytes.subarray(start, offset));
    text += String.fromCharCode(escapeBase + (bytes[offset] as number));
    offset++;
    start = offset;
  }
  return offset > start ? text + strict.decode(bytes.subarray(start, offset)) : text;
}

/** How long the valid UTF-8 sequence at `offset` is (Unicode table 3-7), or 0 when there is none. */
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

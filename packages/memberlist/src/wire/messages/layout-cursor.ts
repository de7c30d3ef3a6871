/*
 * Goes over messages that are written as Go peers and ours write them: the keys in byte order, strings of the raw family. Nothing is made
 * on the way. There is one cursor; what is written in any other way ends it, and the general decoder is to say what that is.
 */

const nil = 0xc0;

/** A key as it is written, four bytes a number, and what is left of it byte by byte. */
export interface Key {
  readonly words: readonly number[];
  readonly rest: readonly number[];
  readonly size: number;
}

/** Where the scan stands; -1 once something is not as it is usually written. */
let at = -1;
let size = 0;

/** Puts the cursor behind a head byte at `offset`, if it is `head`. @returns whether it is */
export function begin(bytes: Uint8Array, offset: number, end: number, head: number): boolean {
  at = offset < end && bytes[offset] === head ? offset + 1 : -1;
  return at >= 0;
}

/** Where the cursor stands; below 0 once something was not as it is usually written. */
export function position(): number {
  return at;
}

/** How long the last string is, in bytes. */
export function stringSize(): number {
  return size;
}

export function keyOf(name: string): Key {
  const bytes = Uint8Array.of(0xa0 | name.length, ...Array.from(name, (letter) => letter.charCodeAt(0)));
  const words = Array.from({ length: bytes.length >> 2 }, (_, i) => wordAt(bytes, i * 4));
  return { words, rest: [...bytes.subarray(words.length * 4)], size: bytes.length };
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] as number) << 24) |
    ((bytes[offset + 1] as number) << 16) |
    ((bytes[offset + 2] as number) << 8) |
    (bytes[offset + 3] as number)
  );
}

/** Goes over a key and its string, of which `size` is the length. @returns where the string begins */
export function string(bytes: Uint8Array, key: Key, end: number): number {
  size = 0;
  expect(bytes, key, end);
  if (at < 0) return 0;
  const head = bytes[at++] as number;
  if (head === nil) return at;
  if (head >= 0xa0 && head <= 0xbf) {
    size = head & 0x1f;
  } else if (head === 0xda && at + 2 <= end) {
    size = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    at += 2;
  } else {
    at = -1;
    return 0;
  }
  const from = at;
  at = at + size <= end ? at + size : -1;
  return from;
}

/** Goes over a key and its number. */
export function uint(bytes: Uint8Array, key: Key, end: number): number {
  expect(bytes, key, end);
  if (at < 0) return 0;
  const head = bytes[at++] as number;
  if (head < 0x80) return head;
  const width = head === 0xcc ? 1 : head === 0xcd ? 2 : head === 0xce ? 4 : 0;
  if (width === 0 || at + width > end) {
    at = -1;
    return 0;
  }
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + (bytes[at++] as number);
  return value;
}

/** Goes over a key and a number below 128. */
export function digit(bytes: Uint8Array, key: Key, end: number): number {
  expect(bytes, key, end);
  if (at < 0) return 0;
  const value = bytes[at++] as number;
  if (value >= 0x80) at = -1;
  return value;
}

/** Goes over a key, behind which there is one byte at least. */
function expect(bytes: Uint8Array, key: Key, end: number): void {
  if (at < 0) return;
  const { words, rest, size: keySize } = key;
  if (at + keySize >= end) {
    at = -1;
    return;
  }
  for (let i = 0; i < words.length; i++, at += 4) {
    if (wordAt(bytes, at) === words[i]) continue;
    at = -1;
    return;
  }
  for (let i = 0; i < rest.length; i++, at++) {
    if (bytes[at] === rest[i]) continue;
    at = -1;
    return;
  }
}

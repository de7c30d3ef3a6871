import { textMaxSize } from "./constants.ts";

/**
 * Where the fields of a claim about a member stand (an alive message, a node of a push/pull), in the layout that Go peers and ours write: the
 * keys in byte order. Most claims of a cluster were heard before: this reads one without making an object.
 */
export interface ClaimLayout {
  incarnation: number;
  port: number;
  /** Of a node of a push/pull; else 0. */
  state: number;
  /** 0 bytes where the field is nil; else 4 or 16. */
  addrAt: number;
  addrSize: number;
  metaAt: number;
  metaSize: number;
  nameAt: number;
  nameSize: number;
  vsnAt: number;
  vsnSize: number;
  /** Behind the claim. */
  end: number;
}

const layout: ClaimLayout = {
  incarnation: 0,
  port: 0,
  state: 0,
  addrAt: 0,
  addrSize: 0,
  metaAt: 0,
  metaSize: 0,
  nameAt: 0,
  nameSize: 0,
  vsnAt: 0,
  vsnSize: 0,
  end: 0,
};

const mapOfSix = 0x86;
const mapOfSeven = 0x87;
const nil = 0xc0;

/** A key as it is written, four bytes a number, and what is left of it byte by byte. */
interface Key {
  readonly words: readonly number[];
  readonly rest: readonly number[];
  readonly size: number;
}

const addrKey = keyOf("Addr");
const incarnationKey = keyOf("Incarnation");
const metaKey = keyOf("Meta");
const nameKey = keyOf("Name");
const nodeKey = keyOf("Node");
const portKey = keyOf("Port");
const stateKey = keyOf("State");
const vsnKey = keyOf("Vsn");

function keyOf(name: string): Key {
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

/** Where the scan stands; -1 once something is not as it is usually written. */
let at = 0;
let size = 0;

/**
 * Reads the body of an alive message (without its type byte) from `start` to `end`; what is behind the map is ignored.
 *
 * @returns undefined where it is written in any other way, or wrong: the general decoder says which. Else valid until the next call
 */
export function scanAlive(bytes: Uint8Array, start: number, end: number): ClaimLayout | undefined {
  if (bytes[start] !== mapOfSix) return undefined;
  at = start + 1;
  return scan(bytes, end, false);
}

/** As {@link scanAlive}, for a node of a push/pull. */
export function scanPushNode(bytes: Uint8Array, start: number, end: number): ClaimLayout | undefined {
  if (start >= end || bytes[start] !== mapOfSeven) return undefined;
  at = start + 1;
  return scan(bytes, end, true);
}

function scan(bytes: Uint8Array, end: number, isPushNode: boolean): ClaimLayout | undefined {
  layout.addrAt = string(bytes, addrKey, end);
  layout.addrSize = size;
  layout.incarnation = uint(bytes, incarnationKey, end);
  layout.metaAt = string(bytes, metaKey, end);
  layout.metaSize = size;
  layout.nameAt = string(bytes, isPushNode ? nameKey : nodeKey, end);
  layout.nameSize = size;
  layout.port = uint(bytes, portKey, end);
  layout.state = isPushNode ? digit(bytes, stateKey, end) : 0;
  layout.vsnAt = string(bytes, vsnKey, end);
  layout.vsnSize = size;
  layout.end = at;
  const { addrSize, nameSize, port } = layout;
  if (at < 0 || (addrSize !== 0 && addrSize !== 4 && addrSize !== 16)) return undefined;
  return nameSize > textMaxSize || port > 0xffff ? undefined : layout;
}

/** Goes over a key and its string, of which `size` is the length. @returns where the string begins */
function string(bytes: Uint8Array, key: Key, end: number): number {
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
function uint(bytes: Uint8Array, key: Key, end: number): number {
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
function digit(bytes: Uint8Array, key: Key, end: number): number {
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

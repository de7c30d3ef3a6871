import { textMaxSize } from "./constants.ts";

/**
 * Where the fields of an alive message stand, in the layout that Go peers and ours write: six keys in byte order. Most messages of a
 * cluster are alive messages that were heard before: this reads one without making an object.
 */
export interface AliveLayout {
  incarnation: number;
  port: number;
  /** 0 bytes where the field is nil; else 4 or 16. */
  addrAt: number;
  addrSize: number;
  metaAt: number;
  metaSize: number;
  nameAt: number;
  nameSize: number;
  vsnAt: number;
  vsnSize: number;
}

const layout: AliveLayout = {
  incarnation: 0,
  port: 0,
  addrAt: 0,
  addrSize: 0,
  metaAt: 0,
  metaSize: 0,
  nameAt: 0,
  nameSize: 0,
  vsnAt: 0,
  vsnSize: 0,
};

const mapOfSix = 0x86;
const nil = 0xc0;
const [addrKey, incarnationKey, metaKey, nodeKey, portKey, vsnKey] = ["Addr", "Incarnation", "Meta", "Node", "Port", "Vsn"].map(
  (name) => Uint8Array.of(0xa0 | name.length, ...Array.from(name, (letter) => letter.charCodeAt(0))),
) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];

/** Where the scan stands; -1 once something is not as it is usually written. */
let at = 0;
let size = 0;

/**
 * Reads the body of an alive message (without its type byte) from `start` to `end`; what is behind the map is ignored.
 *
 * @returns undefined where it is written in any other way, or wrong: the general decoder says which. Else valid until the next call
 */
export function scanAlive(bytes: Uint8Array, start: number, end: number): AliveLayout | undefined {
  if (bytes[start] !== mapOfSix) return undefined;
  at = start + 1;
  const addrAt = string(bytes, addrKey, end);
  const addrSize = size;
  const incarnation = uint(bytes, incarnationKey, end);
  const metaAt = string(bytes, metaKey, end);
  const metaSize = size;
  const nameAt = string(bytes, nodeKey, end);
  const nameSize = size;
  const port = uint(bytes, portKey, end);
  const vsnAt = string(bytes, vsnKey, end);
  if (at < 0 || (addrSize !== 0 && addrSize !== 4 && addrSize !== 16)) return undefined;
  if (nameSize > textMaxSize || port > 0xffff) return undefined;
  layout.incarnation = incarnation;
  layout.port = port;
  layout.addrAt = addrAt;
  layout.addrSize = addrSize;
  layout.metaAt = metaAt;
  layout.metaSize = metaSize;
  layout.nameAt = nameAt;
  layout.nameSize = nameSize;
  layout.vsnAt = vsnAt;
  layout.vsnSize = size;
  return layout;
}

/** Goes over a key and its string, of which `size` is the length. @returns where the string begins */
function string(bytes: Uint8Array, key: Uint8Array, end: number): number {
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
function uint(bytes: Uint8Array, key: Uint8Array, end: number): number {
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

/** Goes over a key, behind which there is one byte at least. */
function expect(bytes: Uint8Array, key: Uint8Array, end: number): void {
  if (at < 0) return;
  if (at + key.length >= end) {
    at = -1;
    return;
  }
  for (let i = 0; i < key.length; i++) {
    if (bytes[at + i] === key[i]) continue;
    at = -1;
    return;
  }
  at += key.length;
}

import { writeIp } from "../ip.ts";
import type { PushNodeState } from "./types.ts";
import { encodeText } from "../text.ts";

const nil = 0xc0;
/** Keys, numbers, heads and the address of a node, with room to spare: what it takes beside its name, its metadata and its versions. */
const fixedSize = 100;

/** The keys as they are written, the first with the head of the map. */
const addrKey = keyOf("Addr", 0x87);
const incarnationKey = keyOf("Incarnation");
const metaKey = keyOf("Meta");
const nameKey = keyOf("Name");
const portKey = keyOf("Port");
const stateKey = keyOf("State");
const vsnKey = keyOf("Vsn");

/**
 * Writes a push/pull's nodes, ten thousand at a time, most often in a process that has not done it for minutes, and perhaps never: by few calls, and
 * loops over bytes, rather than by {@link MsgpackWriter}, of which each call has to be found worth compiling.
 */
export class NodeWriter {
  #bytes: Uint8Array;
  #length: number;

  /**
   * @param head what goes in front
   * @param capacity how many bytes will be written, about
   */
  constructor(head: Uint8Array, capacity: number) {
    this.#bytes = new Uint8Array(head.length + capacity);
    this.#bytes.set(head);
    this.#length = head.length;
  }

  /** @throws MemberlistError `invalid_address` when the address is not a literal IP */
  node({ addr, incarnation, isMapped, meta, name, port, state, vsn }: PushNodeState): void {
    this.#reserve(fixedSize + 3 * name.length + meta.length + vsn.length);
    const bytes = this.#bytes;
    let at = putBytes(bytes, this.#length, addrKey);
    at = putIp(bytes, at, addr, isMapped);
    at = putBytes(bytes, at, incarnationKey);
    at = putUint(bytes, at, incarnation);
    at = putBytes(bytes, at, metaKey);
    at = putBytes(bytes, putNilableHead(bytes, at, meta.length), meta);
    at = putBytes(bytes, at, nameKey);
    at = putText(bytes, at, name);
    at = putBytes(bytes, at, portKey);
    at = putUint(bytes, at, port);
    at = putBytes(bytes, at, stateKey);
    // A number of one of the states, below 128.
    bytes[at++] = state;
    at = putBytes(bytes, at, vsnKey);
    at = putNilableHead(bytes, at, vsn.length);
    for (let i = 0; i < vsn.length; i++) bytes[at++] = vsn[i] as number;
    this.#length = at;
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** All that was written. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(needed + (this.#bytes.length >>> 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function keyOf(name: string, ...before: number[]): Uint8Array {
  return Uint8Array.of(...before, 0xa0 | name.length, ...encodeText(name));
}

function putBytes(bytes: Uint8Array, at: number, from: Uint8Array): number {
  bytes.set(from, at);
  return at + from.length;
}

function putHead(bytes: Uint8Array, start: number, size: number): number {
  let at = start;
  if (size < 32) {
    bytes[at] = 0xa0 | size;
    return at + 1;
  }
  bytes[at++] = size <= 0xffff ? 0xda : 0xdb;
  for (let shift = size <= 0xffff ? 8 : 24; shift >= 0; shift -= 8) bytes[at++] = size >>> shift;
  return at;
}

/** Of a byte string of which the empty one is Go's nil. */
function putNilableHead(bytes: Uint8Array, at: number, size: number): number {
  if (size > 0) return putHead(bytes, at, size);
  bytes[at] = nil;
  return at + 1;
}

function putText(bytes: Uint8Array, start: number, text: string): number {
  const { length } = text;
  let at = putHead(bytes, start, length);
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) {
      const whole = encodeText(text);
      return putBytes(bytes, putHead(bytes, start, whole.length), whole);
    }
    bytes[at++] = unit;
  }
  return at;
}

function putIp(bytes: Uint8Array, at: number, ip: string, isMapped: boolean | undefined): number {
  const size = ip === "" ? 0 : writeIp(ip, bytes, at + 1, isMapped);
  putNilableHead(bytes, at, size);
  return at + 1 + size;
}

function putUint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  if (value >= 0x80) {
    const size = value <= 0xff ? 1 : value <= 0xffff ? 2 : 4;
    bytes[at++] = size === 1 ? 0xcc : size === 2 ? 0xcd : 0xce;
    for (let shift = (size - 1) * 8; shift > 0; shift -= 8) bytes[at++] = value >>> shift;
  }
  bytes[at] = value;
  return at + 1;
}

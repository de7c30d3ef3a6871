/**
 * Just enough of the wire format to play a peer by hand, apart from the core's own wire layer: what the core is checked
 * against must not be made by it. Sources: PROTOCOL.md sections 1, 2 and 4.
 */

export type RawValue = null | boolean | number | string | Uint8Array | RawMap;
export interface RawMap {
  readonly [key: string]: RawValue;
}

export const rawType = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compress: 9,
  encrypt: 10,
  nack: 11,
  crc: 12,
  err: 13,
  label: 244,
} as const;

/** A msgpack value as Go writes it: keys sorted, integers in the smallest form, bytes in the str family. */
function encodeRaw(value: RawValue): Uint8Array {
  const out: number[] = [];
  put(out, value);
  return Uint8Array.from(out);
}

function put(out: number[], value: RawValue): void {
  if (value === null) out.push(0xc0);
  else if (typeof value === "boolean") out.push(value ? 0xc3 : 0xc2);
  else if (typeof value === "number") putInteger(out, value);
  else if (typeof value === "string") putBytes(out, new TextEncoder().encode(value));
  else if (value instanceof Uint8Array) putBytes(out, value);
  else {
    const keys = Object.keys(value).sort();
    out.push(0x80 | keys.length);
    for (const key of keys) {
      put(out, key);
      put(out, value[key] ?? null);
    }
  }
}

function putInteger(out: number[], value: number): void {
  if (value < 0x80) out.push(value);
  else if (value < 0x100) out.push(0xcc, value);
  else if (value < 0x10000) out.push(0xcd, value >> 8, value & 0xff);
  else out.push(0xce, value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

function putBytes(out: number[], bytes: Uint8Array): void {
  if (bytes.length < 32) out.push(0xa0 | bytes.length);
  else if (bytes.length < 0x10000) out.push(0xda, bytes.length >> 8, bytes.length & 0xff);
  else out.push(0xdb, bytes.length >>> 24, (bytes.length >>> 16) & 0xff, (bytes.length >>> 8) & 0xff, bytes.length & 0xff);
  for (const byte of bytes) out.push(byte);
}

/** Reads one value at `offset`. Text and bytes both come as bytes. */
function decodeRaw(bytes: Uint8Array, offset: number = 0): { value: RawValue; end: number } {
  const reader = new RawReader(bytes, offset);
  const value = reader.value();
  return { value, end: reader.offset };
}

/** Reads one map at `offset`. */
export function decodeRawMap(bytes: Uint8Array, offset: number = 0): { map: RawMap; end: number } {
  const { value, end } = decodeRaw(bytes, offset);
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) throw new Error("not a map");
  return { map: value, end };
}

class RawReader {
  readonly bytes: Uint8Array;
  offset: number;

  constructor(bytes: Uint8Array, offset: number) {
    this.bytes = bytes;
    this.offset = offset;
  }

  value(): RawValue {
    const tag = this.#uint(1);
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 0x0f);
    if (tag >= 0xa0 && tag < 0xc0) return this.#take(tag & 0x1f);
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return tag === 0xc3;
      case 0xc4:
      case 0xd9:
        return this.#take(this.#uint(1));
      case 0xc5:
      case 0xda:
        return this.#take(this.#uint(2));
      case 0xc6:
      case 0xdb:
        return this.#take(this.#uint(4));
      case 0xcc:
      case 0xd0:
        return this.#uint(1);
      case 0xcd:
      case 0xd1:
        return this.#uint(2);
      case 0xce:
      case 0xd2:
        return this.#uint(4);
      case 0xde:
        return this.#map(this.#uint(2));
      default:
        throw new Error(`unexpected tag 0x${tag.toString(16)} at ${this.offset - 1}`);
    }
  }

  #map(count: number): RawMap {
    const map: Record<string, RawValue> = {};
    for (let i = 0; i < count; i++) {
      const key = this.value();
      if (!(key instanceof Uint8Array)) throw new Error("a key that is not a string");
      map[new TextDecoder().decode(key)] = this.value();
    }
    return map;
  }

  #take(length: number): Uint8Array {
    if (this.offset + length > this.bytes.length) throw new RangeError("truncated");
    this.offset += length;
    return this.bytes.slice(this.offset - length, this.offset);
  }

  #uint(size: number): number {
    let number = 0;
    for (const byte of this.#take(size)) number = number * 256 + byte;
    return number;
  }
}

/** A whole message: the type byte and the body. */
export function rawMessage(type: number, body: RawMap): Uint8Array {
  return Uint8Array.of(type, ...encodeRaw(body));
}

/** Undoes Go's LZW (LSB first, 8-bit literals). */
export function lzwDecode(input: Uint8Array): Uint8Array {
  const clear = 256;
  const end = 257;
  const out: number[] = [];
  let table: number[][] = [];
  let width = 9;
  let bits = 0;
  let bitCount = 0;
  let previous: number[] | undefined;
  for (const byte of input) {
    bits |= byte << bitCount;
    bitCount += 8;
    while (bitCount >= width) {
      const code = bits & ((1 << width) - 1);
      bits >>>= width;
      bitCount -= width;
      if (code === end) return Uint8Array.from(out);
      if (code === clear) {
        table = [];
        width = 9;
        previous = undefined;
        continue;
      }
      const known: number[] | undefined = code < clear ? [code] : table[code - end - 1];
      const entry: number[] | undefined = known ?? (previous && [...previous, previous[0] as number]);
      if (entry === undefined) throw new Error("corrupt LZW");
      out.push(...entry);
      if (previous !== undefined && table.length < 4096 - 258) table.push([...previous, entry[0] as number]);
      previous = entry;
      if (258 + table.length >= 1 << width && width < 12) width++;
    }
  }
  throw new Error("LZW without an end code");
}

/** Takes compound, compression, CRC and a label off, and gives the single messages. */
export function unwrap(packet: Uint8Array): Uint8Array[] {
  switch (packet[0]) {
    case rawType.label:
      return unwrap(packet.subarray(2 + (packet[1] ?? 0)));
    case rawType.crc:
      return unwrap(packet.subarray(5));
    case rawType.compress:
      return unwrap(lzwDecode(decodeRawMap(packet, 1).map["Buf"] as Uint8Array));
    case rawType.compound: {
      const count = packet[1] ?? 0;
      const parts: Uint8Array[] = [];
      let offset = 2 + 2 * count;
      for (let i = 0; i < count; i++) {
        const length = ((packet[2 + 2 * i] ?? 0) << 8) | (packet[3 + 2 * i] ?? 0);
        parts.push(...unwrap(packet.subarray(offset, offset + length)));
        offset += length;
      }
      return parts;
    }
    default:
      return [packet];
  }
}

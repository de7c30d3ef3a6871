import { ipv6Size, writeIp } from "../ip.ts";
import { encodeText } from "../text.ts";

const initialCapacity = 2048;
/** A scratch buffer that has grown over this is let go after use. */
const keptCapacityMax = 64 * 1024;

let shared: MsgpackWriter | undefined;

/**
 * Writes msgpack byte for byte as a Go peer does (PROTOCOL.md section 1): strings and bytes in the raw family (fixstr, str16,
 * str32), unsigned integers in the smallest unsigned form, Go's signed `int` in the smallest *signed* form.
 */
export class MsgpackWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacity how many bytes will be written, about */
  constructor(capacity: number = initialCapacity) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets what was written. */
  reset(): void {
    this.#length = 0;
    if (this.#bytes.length > keptCapacityMax) this.#bytes = new Uint8Array(initialCapacity);
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** What was written, valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Bytes as they are, without a msgpack header. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A map of at most 15 entries; write the keys in byte order. */
  map(entries: number): void {
    this.byte(0x80 | entries);
  }

  /** A key: ASCII, at most 31 characters. */
  key(name: string): void {
    this.#reserve(name.length + 1);
    this.#bytes[this.#length++] = 0xa0 | name.length;
    this.#ascii(name);
  }

  boolean(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2);
  }

  /** A Go `uint8`, `uint16` or `uint32`. */
  uint(value: number): void {
    this.#reserve(5);
    if (value < 0x80) {
      this.#bytes[this.#length++] = value;
    } else if (value <= 0xff) {
      this.#bytes[this.#length++] = 0xcc;
      this.#bytes[this.#length++] = value;
    } else if (value <= 0xffff) {
      this.#bytes[this.#length++] = 0xcd;
      this.#bigEndian(value, 2);
    } else {
      this.#bytes[this.#length++] = 0xce;
      this.#bigEndian(value, 4);
    }
  }

  /** A Go `int` that is not negative: up to 2^31 - 1. */
  int(value: number): void {
    this.#reserve(5);
    if (value < 0x80) {
      this.#bytes[this.#length++] = value;
    } else if (value <= 0x7fff) {
      this.#bytes[this.#length++] = 0xd1;
      this.#bigEndian(value, 2);
    } else {
      this.#bytes[this.#length++] = 0xd2;
      this.#bigEndian(value, 4);
    }
  }

  text(text: string): void {
    const { length } = text;
    const start = this.#length;
    this.#header(length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) {
        // Longer than it has characters.
        this.#length = start;
        this.bytes(encodeText(text));
        return;
      }
      bytes[at++] = unit;
    }
    this.#length = at;
  }

  bytes(bytes: Uint8Array): void {
    this.#header(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A byte slice of which the empty one is Go's nil. */
  nilableBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) this.byte(0xc0);
    else this.bytes(bytes);
  }

  /** A literal IP as a byte string, IPv4 in 16 bytes if `isMapped`; none ("") is Go's nil. @throws MemberlistError `invalid_address` */
  ip(ip: string, isMapped: boolean = false): void {
    if (ip === "") {
      this.byte(0xc0);
      return;
    }
    this.#reserve(ipv6Size + 1);
    const size = writeIp(ip, this.#bytes, this.#length + 1, isMapped);
    this.#bytes[this.#length] = 0xa0 | size;
    this.#length += size + 1;
  }

  /** Small numbers as a byte string; none at all is Go's nil. */
  octets(values: readonly number[]): void {
    if (values.length === 0) {
      this.byte(0xc0);
      return;
    }
    this.#header(values.length);
    for (let i = 0; i < values.length; i++) this.#bytes[this.#length++] = values[i] as number;
  }

  /** The header of a byte string that is written elsewhere. */
  bytesHeader(size: number): void {
    this.#reserve(5);
    if (size < 32) {
      this.#bytes[this.#length++] = 0xa0 | size;
    } else if (size <= 0xffff) {
      this.#bytes[this.#length++] = 0xda;
      this.#bigEndian(size, 2);
    } else {
      this.#bytes[this.#length++] = 0xdb;
      this.#bigEndian(size, 4);
    }
  }

  /** The header of a raw string, and room for the string. */
  #header(size: number): void {
    this.#reserve(size + 5);
    this.bytesHeader(size);
  }

  #ascii(text: string): void {
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  #bigEndian(value: number, size: number): void {
    for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) this.#bytes[this.#length++] = value >>> shift;
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** The writer that all encoders share, emptied. Its bytes must be taken before anything else is encoded. */
export function sharedWriter(): MsgpackWriter {
  shared ??= new MsgpackWriter();
  shared.reset();
  return shared;
}

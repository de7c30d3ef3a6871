import { emptyBytes } from "../bytes.ts";
import { versionsMaxCount } from "../constants.ts";
import { bytesToIp, ipv4Size, ipv6Size, isMappedAt } from "../ip.ts";
import { decodeUtf8 } from "../utf8.ts";
import type { Field, Schema } from "./schema.ts";
import type { Versions } from "./types.ts";

const nil = 0xc0;
const no = 0xc2;
const yes = 0xc3;
const fieldsMax = 8;

/**
 * Where the fields of one message stand in its bytes: found by {@link scan}, or, however they are written, by the general decoder. Most messages
 * of a cluster were heard before: whoever compares one with what is known needs no object made of it.
 */
export class MessageCursor {
  /**
   * Numbers, by the index of their field; booleans are 0 or 1. Not an array of floats: what is read from one of these is a float for the engine of
   * the runtime, too, and slows down whatever computes with it.
   */
  readonly #numbers: (number | undefined)[] = Array.from({ length: fieldsMax }, () => undefined);
  /** Where byte strings begin, and how long they are. */
  readonly #starts: Int32Array = new Int32Array(fieldsMax);
  readonly #sizes: Int32Array = new Int32Array(fieldsMax);
  /** Versions that came as an array instead of a byte string. */
  #versions: Versions | undefined;
  #end = 0;

  /** Where the scanned message ends. */
  get end(): number {
    return this.#end;
  }

  /**
   * Goes over a message as Go peers and ours write it: the keys in order, each number and string in its usual form. Trailing bytes are ignored.
   *
   * @returns false where it is written in any other way, or wrong: the general decoder is to say which. The fields are undefined then
   */
  scan<Message>({ fields }: Schema<Message>, bytes: Uint8Array, start: number, stop: number): boolean {
    // The head of a map that leaves so many fields out.
    let missing = 0x80 + fields.length - (bytes[start] as number);
    let at = start + 1;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as Field;
      const from = behindKey(field, bytes, at, stop);
      if (from < 0) {
        if (!field.isOptional) return false;
        missing--;
        this.#numbers[i] = 0;
        this.#sizes[i] = 0;
        continue;
      }
      at = field.isNumber ? this.#number(field, bytes, from, stop) : this.#bytes(field, bytes, from, stop);
      if (at < 0) return false;
    }
    this.#end = at;
    this.#versions = undefined;
    return missing === 0;
  }

  /** @returns where the number ends; -1 where it is of another form */
  #number(field: Field, bytes: Uint8Array, from: number, stop: number): number {
    const head = bytes[from] as number;
    if (head < 0x80) {
      this.#numbers[field.index] = head;
      return head > field.max ? -1 : from + 1;
    }
    const width = widthOf(head);
    const end = from + 1 + width;
    if (width < 0 || end > stop || (width === 0 && field.kind !== "boolean")) return -1;
    const value = width === 0 ? head - no : uintAt(bytes, from + 1, width);
    this.#numbers[field.index] = value;
    return value > field.max ? -1 : end;
  }

  /** A byte string of the raw family, or nil. @returns where it ends; -1 where it is something else */
  #bytes(field: Field, bytes: Uint8Array, from: number, stop: number): number {
    const head = bytes[from] as number;
    let at = from + 1;
    let size = 0;
    if (head >= 0xa0 && head <= 0xbf) {
      size = head & 0x1f;
    } else if (head === 0xda) {
      // Where the size is cut off, the end is beyond `stop`.
      size = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
      at += 2;
    } else if (head !== nil) {
      return -1;
    }
    const end = at + size;
    if (end > stop || size > field.max || (field.isIp && size !== 0 && size !== ipv4Size && size !== ipv6Size)) return -1;
    this.#starts[field.index] = at;
    this.#sizes[field.index] = size;
    return end;
  }

  /** All fields are empty or zero. */
  clear(): void {
    for (let i = 0; i < fieldsMax; i++) {
      this.#numbers[i] = 0;
      this.#sizes[i] = 0;
    }
    this.#versions = undefined;
  }

  setNumber({ index }: Field, value: number): void {
    this.#numbers[index] = value;
  }

  setBytes({ index }: Field, at: number, size: number): void {
    this.#starts[index] = at;
    this.#sizes[index] = size;
  }

  /** Versions that are written as an array; undefined: as a byte string. */
  setVersions(versions: Versions | undefined): void {
    this.#versions = versions;
  }

  number({ index }: Field): number {
    return this.#numbers[index] as number;
  }

  /** Where a byte string begins. */
  start({ index }: Field): number {
    return this.#starts[index] as number;
  }

  /** How long a byte string is. */
  size({ index }: Field): number {
    return this.#sizes[index] as number;
  }

  boolean(field: Field<"boolean">): boolean {
    return this.number(field) === 1;
  }

  /** @throws DecodeError `bad_address` for a literal IP of no known length */
  string(bytes: Uint8Array, field: Field<"string" | "ip" | "relayedIp">): string {
    const at = this.start(field);
    const size = this.size(field);
    return field.isIp ? bytesToIp(bytes, at, size) : decodeUtf8(bytes, at, size);
  }

  /** See {@link isMappedAt}. */
  isMapped(bytes: Uint8Array, field: Field): true | undefined {
    return isMappedAt(bytes, this.start(field), this.size(field));
  }

  /** A view of the bytes. */
  view(bytes: Uint8Array, field: Field<"bytes">): Uint8Array {
    const at = this.start(field);
    const size = this.size(field);
    return size === 0 ? emptyBytes : bytes.subarray(at, at + size);
  }

  /** The first six: a peer chooses how many it sends. */
  versions(bytes: Uint8Array, field: Field<"versions">): Versions {
    if (this.#versions !== undefined) return this.#versions;
    const at = this.start(field);
    const size = Math.min(this.size(field), versionsMaxCount);
    // Six from the start, because an array that grows reserves room for 17.
    const versions = [0, 0, 0, 0, 0, 0];
    for (let i = 0; i < size; i++) versions[i] = bytes[at + i] as number;
    versions.length = size;
    return versions;
  }
}

/** @returns where the value of this key begins, of which there is one byte at least; -1 where another key stands there */
function behindKey(field: Field, bytes: Uint8Array, start: number, stop: number): number {
  const { keySize, keyWords } = field;
  const end = start + keySize;
  if (end >= stop) return -1;
  for (let i = 0; i < keyWords.length; i++) if (wordAt(bytes, Math.min(start + 4 * i, end - 4)) !== keyWords[i]) return -1;
  return end;
}

/** How many bytes come behind the head of a number, or of a boolean; -1 for any other head. */
function widthOf(head: number): number {
  if (head === 0xcc) return 1;
  if (head === 0xcd) return 2;
  if (head === 0xce) return 4;
  return head === no || head === yes ? 0 : -1;
}

function uintAt(bytes: Uint8Array, at: number, width: number): number {
  if (width === 4) return wordAt(bytes, at) >>> 0;
  return width === 1 ? (bytes[at] as number) : ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  );
}

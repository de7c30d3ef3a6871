import { messageType } from "../constants.ts";
import { writeIp } from "../ip.ts";
import { packetBytes, packetCopy, Slabs } from "../bytes.ts";
import { encodeUtf8 } from "../utf8.ts";
import {
  ackSchema,
  aliveSchema,
  deadSchema,
  errSchema,
  indirectPingSchema,
  nackSchema,
  pingSchema,
  suspectSchema,
  type Field,
  type Schema,
} from "./schema.ts";
import type { AckResp, Alive, Dead, ErrResp, IndirectPing, NackResp, Ping, Suspect, Versions } from "./types.ts";

/*
 * Each encoder returns the whole message, type byte and body (PROTOCOL.md section 1), byte for byte as a Go peer writes it:
 * the keys sorted, strings and bytes in the raw family (fixstr, str16, str32), unsigned integers in the smallest unsigned form, Go's signed
 * `int` in the smallest signed one. An empty meta or payload goes out as nil, which is what a Go node without a delegate sends. An
 * address that is not a literal IP throws MemberlistError `invalid_address`.
 */

const nil = 0xc0;
const no = 0xc2;
const yes = 0xc3;
const scratchSize = 2048;
/** Scratch memory that has grown over this is let go after use. */
const keptScratchMax = 64 * 1024;

export function encodePing(ping: Ping): Uint8Array {
  return encode(pingSchema, ping);
}

export function encodeIndirectPing(request: IndirectPing): Uint8Array {
  return encode(indirectPingSchema, request);
}

export function encodeAckResp(ack: AckResp): Uint8Array {
  return encode(ackSchema, ack);
}

export function encodeNackResp(nack: NackResp): Uint8Array {
  return encode(nackSchema, nack);
}

export function encodeSuspect(suspect: Suspect): Uint8Array {
  return encodeUpdate(suspectSchema, suspect);
}

export function encodeDead(dead: Dead): Uint8Array {
  return encodeUpdate(deadSchema, dead);
}

export function encodeAlive(alive: Alive): Uint8Array {
  return encodeUpdate(aliveSchema, alive);
}

export function encodeErrResp(err: ErrResp): Uint8Array {
  return encode(errSchema, err);
}

/** A user message for a packet: the type byte and the user's bytes as they are. */
export function encodeUser(bytes: Uint8Array): Uint8Array {
  const message = packetBytes(1 + bytes.length);
  message[0] = messageType.user;
  message.set(bytes, 1);
  return message;
}

/** A message that is sent at once, or copied: its bytes share their buffer with packets. */
export function encode<Message>(schema: Schema<Message>, message: Message): Uint8Array {
  return packetCopy(write(schema, message));
}

/**
 * Membership updates wait by the thousand for gossip, and go in about the order in which they came. The slabs are small, because one that waits
 * longer keeps its slab.
 */
const updates = new Slabs(2048, 512);

/** A membership update, in bytes that share their buffer with other updates. */
function encodeUpdate<Message>(schema: Schema<Message>, message: Message): Uint8Array {
  return updates.copy(write(schema, message));
}

/** @returns a view that is valid until the next message is written */
function write<Message>(schema: Schema<Message>, message: Message): Uint8Array {
  scratch.clear();
  scratch.write(schema, message);
  return scratch.view();
}

/** Writes messages, one behind the other. */
export class MessageWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** @param capacity how many bytes will be written, about */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** @throws MemberlistError `invalid_address` when an address is not a literal IP */
  write<Message>(schema: Schema<Message>, message: Message): void {
    this.#reserve(mostBytes(schema, message));
    const { fields, type } = schema;
    const bytes = this.#bytes;
    const view = this.#view;
    let at = this.#length;
    if (type !== undefined) bytes[at++] = type;
    const headAt = at++;
    let count = 0;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as Field;
      const value: unknown = message[field.property as keyof Message];
      if (field.isOptional && (value === 0 || value === "")) continue;
      count++;
      at = putValue(bytes, putKey(view, at, field), field, value, message);
    }
    bytes[headAt] = 0x80 | count;
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

  /** Discards the written bytes. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > keptScratchMax) this.#use(new Uint8Array(scratchSize));
  }

  #use(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(needed + (this.#bytes.length >>> 1));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#use(grown);
  }
}

/** Used for one message after the other. */
const scratch: MessageWriter = new MessageWriter(scratchSize);

/** The largest size of a message. */
function mostBytes<Message>({ fixedSize, variable }: Schema<Message>, message: Message): number {
  let size = fixedSize;
  for (let i = 0; i < variable.length; i++) {
    const { property, kind } = variable[i] as Field;
    const { length } = message[property as keyof Message] as string | ArrayLike<number>;
    // A character takes three bytes at most.
    size += kind === "string" ? 3 * length : length;
  }
  return size;
}

function putKey(view: DataView, at: number, { keySize, keyWords }: Field): number {
  const last = at + keySize - 4;
  for (let i = 0; i < keyWords.length; i++) view.setInt32(Math.min(at + 4 * i, last), keyWords[i] as number);
  return at + keySize;
}

function putValue(bytes: Uint8Array, at: number, { kind }: Field, value: unknown, message: unknown): number {
  switch (kind) {
    case "string":
      return putString(bytes, at, value as string);
    case "uint8":
    case "uint16":
    case "uint32":
      return putUint(bytes, at, value as number);
    case "bytes":
      return putBytes(bytes, at, value as Uint8Array);
    case "versions":
      return putVersions(bytes, at, value as Versions);
    case "relayedIp":
      return putIp(bytes, at, value as string, (message as Alive).isMapped);
    case "ip":
      return putIp(bytes, at, value as string, undefined);
    case "int":
      return putInt(bytes, at, value as number);
    default:
      bytes[at] = value === true ? yes : no;
      return at + 1;
  }
}

/** How long the head of a byte string of so many bytes is. */
export function byteStringHeadSize(size: number): number {
  return size < 32 ? 1 : size <= 0xffff ? 3 : 5;
}

/** The head of a byte string. @returns where it ends */
export function putHead(bytes: Uint8Array, start: number, size: number): number {
  let at = start;
  if (size < 32) {
    bytes[at++] = 0xa0 | size;
    return at;
  }
  const isLong = size > 0xffff;
  bytes[at++] = isLong ? 0xdb : 0xda;
  return putBigEndian(bytes, at, size, isLong ? 4 : 2);
}

/** Go writes nil for an empty list. */
function putNilableHead(bytes: Uint8Array, start: number, size: number): number {
  if (size > 0) return putHead(bytes, start, size);
  bytes[start] = nil;
  return start + 1;
}

function putBytes(bytes: Uint8Array, start: number, value: Uint8Array): number {
  const at = putNilableHead(bytes, start, value.length);
  if (value.length > 0) bytes.set(value, at);
  return at + value.length;
}

function putVersions(bytes: Uint8Array, start: number, versions: Versions): number {
  let at = putNilableHead(bytes, start, versions.length);
  for (let i = 0; i < versions.length; i++) bytes[at++] = versions[i] as number;
  return at;
}

function putString(bytes: Uint8Array, start: number, string: string): number {
  const { length } = string;
  let at = putHead(bytes, start, length);
  for (let i = 0; i < length; i++) {
    const unit = string.charCodeAt(i);
    if (unit >= 0x80) {
      // Longer than it has characters.
      const whole = encodeUtf8(string);
      at = putHead(bytes, start, whole.length);
      bytes.set(whole, at);
      return at + whole.length;
    }
    bytes[at++] = unit;
  }
  return at;
}

function putIp(bytes: Uint8Array, at: number, ip: string, isMapped: true | undefined): number {
  if (ip === "") {
    bytes[at] = nil;
    return at + 1;
  }
  const size = writeIp(ip, bytes, at + 1, isMapped);
  bytes[at] = 0xa0 | size;
  return at + 1 + size;
}

/** A Go `uint8`, `uint16` or `uint32`. */
function putUint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  if (value < 0x80) {
    bytes[at++] = value;
    return at;
  }
  const width = value <= 0xff ? 1 : value <= 0xffff ? 2 : 4;
  bytes[at++] = width === 1 ? 0xcc : width === 2 ? 0xcd : 0xce;
  return putBigEndian(bytes, at, value, width);
}

/** A Go `int` that is not negative: up to 2^31 - 1. */
function putInt(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  if (value < 0x80) {
    bytes[at++] = value;
    return at;
  }
  const width = value <= 0x7fff ? 2 : 4;
  bytes[at++] = width === 2 ? 0xd1 : 0xd2;
  return putBigEndian(bytes, at, value, width);
}

function putBigEndian(bytes: Uint8Array, start: number, value: number, width: number): number {
  let at = start;
  for (let shift = (width - 1) * 8; shift >= 0; shift -= 8) bytes[at++] = value >>> shift;
  return at;
}

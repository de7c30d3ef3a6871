import { DecodeError as MsgpackError, Decoder } from "@msgpack/msgpack";
import { emptyBytes } from "../bytes.ts";
import { textMaxSize, versionsMaxCount } from "../constants.ts";
import { DecodeError } from "../decode-error.ts";
import { bytesToIp, isMappedAt } from "../ip.ts";
import type { Versions } from "./types.ts";
import { childrenOf, headSizeOf, scanObject } from "./msgpack-scan.ts";
import { decodeText, encodeText } from "../text.ts";

/** The fields of all messages and headers (PROTOCOL.md section 1). What else a map has is skipped, and costs nothing else. */
const fieldNames: readonly string[] = [
  "Addr Algo Buf Error From Incarnation Join Meta Nack Name Node Nodes Payload Port",
  "SeqNo SourceAddr SourceNode SourcePort State Target UserMsgLen UserStateLen Vsn",
].flatMap((line) => line.split(" "));

/** The known fields of a decoded map: strings and byte strings both as bytes (views of what was decoded). */
export type Fields = ReadonlyMap<string, unknown>;

interface KnownKey {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** By their lengths. */
const knownKeys: readonly (readonly KnownKey[])[] = Array.from({ length: 13 }, (_, length) =>
  fieldNames.filter((name) => name.length === length).map((name) => ({ name, bytes: encodeText(name) })),
);

/** What is of no type that a field can have. */
const unusable: unique symbol = Symbol("unusable");

/** Of memory that an array lies in, in bytes: the decoder keeps what it has decoded last. */
const keptMax = 64 * 1024;
const nil: Uint8Array = Uint8Array.of(0xc0);

let decoder: Decoder | undefined;

/**
 * Decodes the map at the start of `body`. What comes behind it is ignored, and nil is an empty map, both as in Go.
 *
 * @throws DecodeError `truncated`, `malformed`, `too_deep`, `wrong_type` (not a map, or a key that is not a string)
 */
export function readFields(body: Uint8Array): Fields {
  const end = scanObject(body, 0);
  if (end < 0) throw new DecodeError("truncated", `${body.length} of at least ${-end} bytes`);
  return readWholeFields(body);
}

/** As {@link readFields}, for bytes that are known (by {@link scanObject}) to begin with one whole object. */
export function readWholeFields(body: Uint8Array): Fields {
  const fields = new Map<string, unknown>();
  const head = body[0] as number;
  if (head === 0xc0) return fields;
  const isMap = (head >= 0x80 && head <= 0x8f) || head === 0xde || head === 0xdf;
  if (!isMap) throw new DecodeError("wrong_type", "the message is not a map");
  let at = headSizeOf(head);
  for (let left = childrenOf(body, 0, head); left > 0; left -= 2) {
    const keyEnd = scanObject(body, at);
    const key = knownKey(body, at, keyEnd);
    at = scanObject(body, keyEnd);
    if (key !== undefined) fields.set(key, valueOf(body, keyEnd, at));
  }
  return fields;
}

/** The field that a key stands for; undefined: none of ours. Go takes keys of the str and of the bin family. */
function knownKey(body: Uint8Array, at: number, end: number): string | undefined {
  const head = body[at] as number;
  if (!isBytes(head)) throw new DecodeError("wrong_type", "a key that is not a string");
  const from = at + headSizeOf(head);
  const candidates = knownKeys[end - from];
  if (candidates === undefined) return undefined;
  for (const { name, bytes } of candidates) {
    let same = 0;
    while (same < bytes.length && body[from + same] === bytes[same]) same++;
    if (same === bytes.length) return name;
  }
  return undefined;
}

/** The value at `at`. The usual ones are read here; what is rare is left to the library; a map, or an extension, is of no use. */
function valueOf(body: Uint8Array, at: number, end: number): unknown {
  const head = body[at] as number;
  if (head < 0x80) return head;
  if (head === 0xc0) return null;
  if (isBytes(head)) return body.subarray(at + headSizeOf(head), end);
  if (head >= 0xcc && head <= 0xce) {
    let value = 0;
    for (let i = at + 1; i < end; i++) value = value * 256 + (body[i] as number);
    return value;
  }
  const isRare = head === 0xc2 || head === 0xc3 || (head >= 0xca && head <= 0xd3) || head >= 0xe0;
  const isArray = (head >= 0x90 && head <= 0x9f) || head === 0xdc || head === 0xdd;
  return isRare || isArray ? decodeRare(body.subarray(at, end)) : unusable;
}

function decodeRare(bytes: Uint8Array): unknown {
  decoder ??= new Decoder({ rawStrings: true });
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new DecodeError("malformed", error instanceof MsgpackError ? error.message : "not msgpack", error);
  } finally {
    if (bytes.buffer.byteLength > keptMax) decoder.decode(nil);
  }
}

/** Whether a str or a bin begins with this byte. */
function isBytes(head: number): boolean {
  return (head >= 0xa0 && head <= 0xbf) || (head >= 0xc4 && head <= 0xc6) || (head >= 0xd9 && head <= 0xdb);
}

/** An unsigned integer; 0 when missing or nil. */
export function uintField(fields: Fields, key: string, max: number): number {
  const value = intField(fields, key);
  if (value < 0 || value > max) throw new DecodeError("out_of_range", `${key} is ${value}, not 0 to ${max}`);
  return value;
}

/** Go's `int`, which may be negative; 0 when missing or nil. */
export function intField(fields: Fields, key: string): number {
  const value = fields.get(key);
  if (value === undefined || value === null) return 0;
  if (typeof value !== "number" || !Number.isInteger(value)) throw wrongType(key, "an integer");
  if (!Number.isSafeInteger(value)) throw new DecodeError("out_of_range", `${key} is ${value}`);
  return value;
}

/** A boolean; false when missing or nil. Go takes the numbers 0 and 1 too. */
export function booleanField(fields: Fields, key: string): boolean {
  const value = fields.get(key);
  if (value === undefined || value === null || value === false || value === 0) return false;
  if (value === true || value === 1) return true;
  throw wrongType(key, "a boolean");
}

/** A byte string of the str or bin family; empty when missing or nil. A view of the decoded bytes. */
export function bytesField(fields: Fields, key: string): Uint8Array {
  const value = fields.get(key);
  if (value === undefined || value === null) return emptyBytes;
  if (value instanceof Uint8Array) return value;
  throw wrongType(key, "a byte string");
}

/** Text; "" when missing or nil. What is too long is refused before it is decoded: it would cost many times its size. */
export function textField(fields: Fields, key: string): string {
  const bytes = bytesField(fields, key);
  if (bytes.length > textMaxSize) throw new DecodeError("too_large", `${key} has ${bytes.length} bytes, over ${textMaxSize}`);
  return bytes.length === 0 ? "" : decodeText(bytes);
}

/** A literal IP; "" when missing or nil. */
export function ipField(fields: Fields, key: string): string {
  return bytesToIp(bytesField(fields, key));
}

/** Whether {@link ipField} of the same key is IPv4 in 16 bytes. */
export function isMappedField(fields: Fields, key: string): true | undefined {
  const bytes = bytesField(fields, key);
  return isMappedAt(bytes, 0, bytes.length);
}

/** Protocol versions: a byte string, or (as in Go) an array of small integers. The first six count: a peer chooses how many it sends. */
export function versionsField(fields: Fields, key: string): Versions {
  const value = fields.get(key);
  if (!Array.isArray(value)) return Array.from(bytesField(fields, key).subarray(0, versionsMaxCount));
  for (const item of value as readonly unknown[]) {
    if (typeof item !== "number" || !Number.isInteger(item) || item < 0 || item > 0xff) throw wrongType(key, "bytes");
  }
  return (value as Versions).slice(0, versionsMaxCount);
}

function wrongType(key: string, wanted: string): DecodeError {
  return new DecodeError("wrong_type", `${key} is not ${wanted}`);
}

import { DecodeError as MsgpackError, Decoder } from "@msgpack/msgpack";
import { emptyBytes } from "./bytes.ts";
import { maxDecompressedBytes, textMaxSize } from "./constants.ts";
import { DecodeError } from "./decode-error.ts";
import { bytesToIp, isMappedAt } from "./ip.ts";
import type { Versions } from "./messages.ts";
import { scanObject } from "./msgpack-scan.ts";
import { decodeText } from "./text.ts";

/** A decoded map: strings and byte strings both as bytes (views of what was decoded). */
export type Fields = Readonly<Record<string, unknown>>;

/** A byte string may be as long as LZW can make the largest message: 12 bits for each byte. */
const maxStringBytes = maxDecompressedBytes * 2;
/** The entries of a map or array in one message; ours have at most 8. */
const maxEntries = 64 * 1024;

/** Of memory that a map lies in, in bytes: the decoder keeps what it has decoded last. */
const keptMax = 64 * 1024;
const nil: Uint8Array = Uint8Array.of(0xc0);

let decoder: Decoder | undefined;

/**
 * Decodes the map at the start of `body`. What comes behind it is ignored, and nil is an empty map, both as in Go.
 *
 * @throws DecodeError `truncated`, `malformed`, `too_deep`, `wrong_type` (not a map)
 */
export function readFields(body: Uint8Array): Fields {
  const end = scanObject(body, 0);
  if (end < 0) throw new DecodeError("truncated", `${body.length} of at least ${-end} bytes`);
  return readWholeFields(end === body.length ? body : body.subarray(0, end));
}

/** As {@link readFields}, for bytes that are known (by {@link scanObject}) to be one whole object and nothing else. */
export function readWholeFields(body: Uint8Array): Fields {
  decoder ??= new Decoder({
    rawStrings: true,
    maxStrLength: maxStringBytes,
    maxBinLength: maxStringBytes,
    maxExtLength: maxStringBytes,
    maxArrayLength: maxEntries,
    maxMapLength: maxEntries,
    mapKeyConverter,
  });
  let value: unknown;
  try {
    value = decoder.decode(body);
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError("malformed", error instanceof MsgpackError ? error.message : "not msgpack", error);
  } finally {
    if (body.buffer.byteLength > keptMax) decoder.decode(nil);
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value) || value instanceof Uint8Array) {
    throw new DecodeError("wrong_type", "the message is not a map");
  }
  return value as Fields;
}

/** An unsigned integer; 0 when missing or nil. */
export function uintField(fields: Fields, key: string, max: number): number {
  const value = intField(fields, key);
  if (value < 0 || value > max) throw new DecodeError("out_of_range", `${key} is ${value}, not 0 to ${max}`);
  return value;
}

/** Go's `int`, which may be negative; 0 when missing or nil. */
export function intField(fields: Fields, key: string): number {
  const value = fields[key];
  if (value === undefined || value === null) return 0;
  if (typeof value !== "number" || !Number.isInteger(value)) throw wrongType(key, "an integer");
  if (!Number.isSafeInteger(value)) throw new DecodeError("out_of_range", `${key} is ${value}`);
  return value;
}

/** A boolean; false when missing or nil. Go takes the numbers 0 and 1 too. */
export function booleanField(fields: Fields, key: string): boolean {
  const value = fields[key];
  if (value === undefined || value === null || value === false || value === 0) return false;
  if (value === true || value === 1) return true;
  throw wrongType(key, "a boolean");
}

/** A byte string of the str or bin family; empty when missing or nil. A view of the decoded bytes. */
export function bytesField(fields: Fields, key: string): Uint8Array {
  const value = fields[key];
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

/** Protocol versions: a byte string, or (Go takes it) an array of small integers. */
export function versionsField(fields: Fields, key: string): Versions {
  const value = fields[key];
  if (!Array.isArray(value)) {
    const bytes = bytesField(fields, key);
    const versions: number[] = [];
    for (let i = 0; i < bytes.length; i++) versions.push(bytes[i] as number);
    return versions;
  }
  for (const item of value as readonly unknown[]) {
    if (typeof item !== "number" || !Number.isInteger(item) || item < 0 || item > 0xff) throw wrongType(key, "bytes");
  }
  return value as Versions;
}

/** Keys come as text when they are of the str family; Go takes the bin family too. */
function mapKeyConverter(key: unknown): string {
  if (typeof key === "string") return key;
  const isShort = key instanceof Uint8Array && key.length <= textMaxSize;
  const text = isShort ? decodeText(key) : "__proto__";
  if (text === "__proto__") throw new DecodeError("wrong_type", "a key that is not a string");
  return text;
}

function wrongType(key: string, wanted: string): DecodeError {
  return new DecodeError("wrong_type", `${key} is not ${wanted}`);
}

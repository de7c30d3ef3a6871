import { DecodeError as MsgpackError, Decoder } from "@msgpack/msgpack";
import { versionsMaxCount } from "../constants.ts";
import { DecodeError } from "../errors.ts";
import { childrenOf, headSizeOf, isByteString, isMap, scanObject } from "./msgpack.ts";
import { MessageCursor } from "./scan.ts";
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
import type { AckResp, Alive, Dead, ErrResp, IndirectPing, NackResp, Ping, Suspect } from "./types.ts";

/*
 * Each decoder takes the body of a message, without its type byte (PROTOCOL.md section 1). Keys come in any order, unknown ones
 * are ignored, missing ones and nil are zero, and so are bytes behind the map. `meta` and `payload` are views of the body. All
 * throw DecodeError.
 */

const nil = 0xc0;
const nothing: Uint8Array = Uint8Array.of(nil);
/** The largest buffer that the library may retain, in bytes: it keeps the bytes that it decoded last. */
const keptMax = 64 * 1024;

const decoder: Decoder = new Decoder({ rawStrings: true });

/** Used by one decoder after the other: none keeps it. */
const cursor: MessageCursor = new MessageCursor();

export function decodePing(body: Uint8Array): Ping {
  const { seqNo, node, sourceAddr, sourcePort, sourceNode } = pingSchema.of;
  locateFields(cursor, pingSchema, body);
  return {
    seqNo: cursor.number(seqNo),
    node: cursor.string(body, node),
    sourceAddr: cursor.string(body, sourceAddr),
    sourcePort: cursor.number(sourcePort),
    sourceNode: cursor.string(body, sourceNode),
  };
}

export function decodeIndirectPing(body: Uint8Array): IndirectPing {
  const { seqNo, target, port, node, nack, sourceAddr, sourcePort, sourceNode } = indirectPingSchema.of;
  locateFields(cursor, indirectPingSchema, body);
  return {
    seqNo: cursor.number(seqNo),
    target: cursor.string(body, target),
    port: cursor.number(port),
    node: cursor.string(body, node),
    nack: cursor.boolean(nack),
    sourceAddr: cursor.string(body, sourceAddr),
    sourcePort: cursor.number(sourcePort),
    sourceNode: cursor.string(body, sourceNode),
  };
}

export function decodeAckResp(body: Uint8Array): AckResp {
  const { seqNo, payload } = ackSchema.of;
  locateFields(cursor, ackSchema, body);
  return { seqNo: cursor.number(seqNo), payload: cursor.view(body, payload) };
}

export function decodeNackResp(body: Uint8Array): NackResp {
  locateFields(cursor, nackSchema, body);
  return { seqNo: cursor.number(nackSchema.of.seqNo) };
}

export function decodeSuspect(body: Uint8Array): Suspect {
  return decodeAccusation(suspectSchema, body);
}

export function decodeDead(body: Uint8Array): Dead {
  return decodeAccusation(deadSchema, body);
}

export function decodeAlive(body: Uint8Array): Alive {
  const { incarnation, node, addr, port, meta, vsn } = aliveSchema.of;
  locateFields(cursor, aliveSchema, body);
  return {
    incarnation: cursor.number(incarnation),
    node: cursor.string(body, node),
    addr: cursor.string(body, addr),
    isMapped: cursor.isMapped(body, addr),
    port: cursor.number(port),
    meta: cursor.view(body, meta),
    vsn: cursor.versions(body, vsn),
  };
}

export function decodeErrResp(body: Uint8Array): ErrResp {
  locateFields(cursor, errSchema, body);
  return { error: cursor.string(body, errSchema.of.error) };
}

function decodeAccusation(schema: Schema<Suspect>, body: Uint8Array): Suspect {
  const { incarnation, node, from } = schema.of;
  locateFields(cursor, schema, body);
  return {
    incarnation: cursor.number(incarnation),
    node: cursor.string(body, node),
    from: cursor.string(body, from),
  };
}

/**
 * Finds the fields of the message at the start of `body`, however they are written.
 *
 * @throws DecodeError `truncated`, `malformed`, `too_deep`, `wrong_type`, `out_of_range`, `too_large`
 */
export function locateFields<Message>(into: MessageCursor, schema: Schema<Message>, body: Uint8Array): void {
  if (into.scan(schema, body, 0, body.length)) return;
  const end = scanObject(body, 0);
  if (end < 0) throw new DecodeError("truncated", `${body.length} of at least ${-end} bytes`);
  locateInAnyForm(into, schema, body);
}

/**
 * The general decoder, as tolerant as Go's.
 *
 * @param body begins with one whole object, as {@link scanObject} finds it
 * @throws DecodeError `wrong_type`, `out_of_range`, `too_large`
 */
export function locateInAnyForm<Message>(into: MessageCursor, { fields }: Schema<Message>, body: Uint8Array): void {
  into.clear();
  const head = body[0] as number;
  if (head === nil) return;
  if (!isMap(head)) throw new DecodeError("wrong_type", "the message is not a map");
  let at = headSizeOf(head);
  for (let left = childrenOf(body, 0, head); left > 0; left -= 2) {
    const valueAt = scanObject(body, at);
    const field = fieldOfKey(fields, body, at, valueAt);
    at = scanObject(body, valueAt);
    if (field !== undefined) locateValue(into, field, body, valueAt, at);
  }
}

/** The field of a key; undefined for an unknown key. Go takes keys of the str and of the bin family. */
function fieldOfKey(fields: readonly Field[], body: Uint8Array, at: number, end: number): Field | undefined {
  const head = body[at] as number;
  if (!isByteString(head)) throw new DecodeError("wrong_type", "a key that is not a string");
  const from = at + headSizeOf(head);
  const size = end - from;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as Field;
    if (field.keySize === size + 1 && hasNameAt(field, body, from)) return field;
  }
  return undefined;
}

function hasNameAt({ key }: Field, body: Uint8Array, from: number): boolean {
  for (let i = 1; i < key.length; i++) if (body[from + i - 1] !== key[i]) return false;
  return true;
}

function locateValue(into: MessageCursor, field: Field, body: Uint8Array, at: number, end: number): void {
  const head = body[at] as number;
  if (head === nil || isByteString(head)) return locateBytes(into, field, body, at, end);
  const value = decodeValue(body.subarray(at, end));
  if (field.kind === "boolean") into.setNumber(field, booleanOf(value, field));
  else if (field.isNumber) into.setNumber(field, integerOf(value, field));
  else if (field.kind === "versions" && Array.isArray(value)) into.setVersions(versionsOf(value, field));
  else throw wrongType(field, "a byte string");
}

/** Any value but a string, by the library. It is whole, and holds at most 256 others: `scanObject` has seen to that. */
function decodeValue(bytes: Uint8Array): unknown {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw new DecodeError("malformed", error instanceof MsgpackError ? error.message : "not msgpack", error);
  } finally {
    if (bytes.buffer.byteLength > keptMax) decoder.decode(nothing);
  }
}

/** An integer in any form. */
function integerOf(value: unknown, field: Field): number {
  if (typeof value !== "number" || !Number.isInteger(value)) throw wrongType(field, "an integer");
  const min = field.kind === "int" ? -field.max : 0;
  if (value >= min && value <= field.max) return value;
  throw new DecodeError("out_of_range", `${field.name} is ${value}, not ${min} to ${field.max}`);
}

/** Go takes the numbers 0 and 1, too. */
function booleanOf(value: unknown, field: Field): number {
  if (value === false || value === 0) return 0;
  if (value === true || value === 1) return 1;
  throw wrongType(field, "a boolean");
}

/** Go takes an array of small integers for a byte string. */
function versionsOf(values: readonly unknown[], field: Field): number[] {
  const isByte = (value: unknown): value is number =>
    typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xff;
  if (!values.every(isByte)) throw wrongType(field, "bytes");
  return values.slice(0, versionsMaxCount);
}

/**
 * Locates a byte string of the str or bin family, or nil, which stands for no bytes. It refuses a string that is too long before the string is
 * decoded, because decoding takes many times its size in memory.
 */
function locateBytes(into: MessageCursor, field: Field, body: Uint8Array, at: number, end: number): void {
  const head = body[at] as number;
  if (field.isNumber) {
    if (head !== nil) throw wrongType(field, field.kind === "boolean" ? "a boolean" : "an integer");
    return into.setNumber(field, 0);
  }
  const from = at + headSizeOf(head);
  const size = end - from;
  if (size > field.max && !field.isIp) throw new DecodeError("too_large", `${field.name} has ${size} bytes, over ${field.max}`);
  if (field.kind === "versions") into.setVersions(undefined);
  into.setBytes(field, from, size);
}

function wrongType({ name }: Field, wanted: string): DecodeError {
  return new DecodeError("wrong_type", `${name} is not ${wanted}`);
}

import { versionsMaxCount } from "../constants.ts";
import { DecodeError } from "../errors.ts";
import { childrenOf, headSizeOf, isArray, isByteString, isMap, numberAt, scanObject } from "./msgpack.ts";
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
const no = 0xc2;
const yes = 0xc3;

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

/** The field that a key stands for; undefined: none of the message. Go takes keys of the str and of the bin family. */
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
  const { kind } = field;
  if (kind === "boolean") into.setNumber(field, booleanAt(body, at, field));
  else if (field.isNumber) into.setNumber(field, integerAt(body, at, field));
  else if (kind === "versions" && isArray(body[at] as number)) into.setVersions(versionsIn(body, at, field));
  else locateBytes(into, field, body, at, end);
}

/** An integer in whatever form; nil is 0. */
function integerAt(body: Uint8Array, at: number, field: Field): number {
  if (body[at] === nil) return 0;
  const value = numberAt(body, at);
  if (value === undefined || !Number.isInteger(value)) throw wrongType(field, "an integer");
  const min = field.kind === "int" ? -field.max : 0;
  if (value < min || value > field.max)
    throw new DecodeError("out_of_range", `${field.name} is ${value}, not ${min} to ${field.max}`);
  return value;
}

/** Go takes the numbers 0 and 1, too; nil is false. */
function booleanAt(body: Uint8Array, at: number, field: Field): number {
  const head = body[at];
  if (head === nil || head === no) return 0;
  if (head === yes) return 1;
  const value = numberAt(body, at);
  if (value !== 0 && value !== 1) throw wrongType(field, "a boolean");
  return value;
}

/** Go takes an array of small integers for a byte string. */
function versionsIn(body: Uint8Array, start: number, field: Field): number[] {
  const head = body[start] as number;
  const versions: number[] = [];
  let at = start + headSizeOf(head);
  for (let left = childrenOf(body, start, head); left > 0; left--) {
    const value = numberAt(body, at);
    if (value === undefined || !Number.isInteger(value) || value < 0 || value > 0xff) throw wrongType(field, "bytes");
    if (versions.length < versionsMaxCount) versions.push(value);
    at = scanObject(body, at);
  }
  return versions;
}

/** A byte string of the str or bin family; nil is empty. What is too long is refused before it is decoded: it would cost many times its size. */
function locateBytes(into: MessageCursor, field: Field, body: Uint8Array, at: number, end: number): void {
  const head = body[at] as number;
  if (head !== nil && !isByteString(head)) throw wrongType(field, "a byte string");
  const from = at + headSizeOf(head);
  const size = end - from;
  if (size > field.max && !field.isIp) throw new DecodeError("too_large", `${field.name} has ${size} bytes, over ${field.max}`);
  if (field.kind === "versions") into.setVersions(undefined);
  into.setBytes(field, from, size);
}

function wrongType({ name }: Field, wanted: string): DecodeError {
  return new DecodeError("wrong_type", `${name} is not ${wanted}`);
}

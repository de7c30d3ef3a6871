import { messageType, stringMaxSize } from "../constants.ts";
import { ipv6Size } from "../ip.ts";
import { encodeUtf8 } from "../utf8.ts";
import type {
  AckResp,
  Alive,
  Compressed,
  Dead,
  ErrResp,
  IndirectPing,
  NackResp,
  Ping,
  PushNodeState,
  PushPullHeader,
  Suspect,
  UserHeader,
  Versions,
} from "./types.ts";

/*
 * The fields of each message (PROTOCOL.md section 1): encoding, decoding and scanning all use these tables.
 */

/** Go writes an `int` signed, and the other numbers unsigned. */
type NumberKind = "uint8" | "uint16" | "uint32" | "int";
/** Byte strings, all of them; an empty one is written as nil, an empty `string` as itself. A `relayedIp` keeps the form in which it came. */
type BytesKind = "string" | "bytes" | "ip" | "relayedIp" | "versions";
export type Kind = NumberKind | BytesKind | "boolean";

/** The kinds that a property of this type can have. */
type KindOf<Value> = Value extends string
  ? "string" | "ip" | "relayedIp"
  : Value extends number
    ? NumberKind
    : Value extends boolean
      ? "boolean"
      : Value extends Uint8Array
        ? "bytes"
        : Value extends Versions
          ? "versions"
          : never;

/** The properties that are fields: how an address is written is part of it. */
type FieldNames<Message> = Exclude<keyof Message, "isMapped">;

type Notation<Message> = {
  readonly [Name in FieldNames<Message>]: KindOf<Message[Name]> | Optional<KindOf<Message[Name]>>;
};

interface Optional<K extends Kind> {
  readonly kind: K;
}

/** A field that is left out where it is empty or zero. */
function optional<K extends Kind>(kind: K): Optional<K> {
  return { kind };
}

export interface Schema<Message> {
  /** The message type; undefined for parts of a message. */
  readonly type: number | undefined;
  /** In the order in which they are written: by their names. */
  readonly fields: readonly Field[];
  /** Those whose values are of no fixed length, */
  readonly variable: readonly Field[];
  /** and the most that the message takes without them. */
  readonly fixedSize: number;
  readonly of: { readonly [Name in FieldNames<Message>]: Field<KindOf<Message[Name]>> };
}

/** The largest number, or the most bytes. Go has no limit for strings. */
const maxOf: Readonly<Record<Kind, number>> = {
  uint8: 0xff,
  uint16: 0xffff,
  uint32: 0xffffffff,
  int: Number.MAX_SAFE_INTEGER,
  boolean: 1,
  string: stringMaxSize,
  bytes: Infinity,
  ip: ipv6Size,
  relayedIp: ipv6Size,
  versions: Infinity,
};

/** The message type and the head of the map. */
const headMax = 2;
/** The largest size of a number, an address, or the head of a byte string. */
const fixedValueMax: number = 1 + ipv6Size;

const numberKinds: ReadonlySet<Kind> = new Set(["uint8", "uint16", "uint32", "int", "boolean"]);

/** A field of a message. */
export class Field<K extends Kind = Kind> {
  readonly property: string;
  /** On the wire: as the property, with a capital letter in front. */
  readonly name: string;
  readonly kind: K;
  readonly isOptional: boolean;
  readonly isNumber: boolean;
  readonly isIp: boolean;
  readonly max: number;
  /** The key as it is written: its length and its name. */
  readonly key: Uint8Array;
  readonly keySize: number;
  /** The key again, four bytes a number; the last are its last four, some of which the one before may have, too. */
  readonly keyWords: readonly number[];
  /** Its place among the fields that are written. */
  readonly index: number;

  constructor(property: string, notation: K | Optional<K>, index: number) {
    this.property = property;
    this.name = capitalized(property);
    this.isOptional = typeof notation !== "string";
    this.kind = typeof notation === "string" ? notation : notation.kind;
    this.isNumber = numberKinds.has(this.kind);
    this.isIp = this.kind === "ip" || this.kind === "relayedIp";
    this.max = maxOf[this.kind];
    this.key = Uint8Array.of(0xa0 | property.length, ...encodeUtf8(this.name));
    this.keySize = this.key.length;
    const view = new DataView(this.key.buffer);
    const last = this.keySize - 4;
    this.keyWords = Array.from({ length: (this.keySize + 3) >> 2 }, (_, i) => view.getInt32(Math.min(i * 4, last)));
    this.index = index;
  }
}

function capitalized(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function schema<Message>(type: number | undefined, notation: Notation<Message>): Schema<Message> {
  const entries = Object.entries<Kind | Optional<Kind>>(notation).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const fields = entries.map(([property, kind], index) => new Field(property, kind, index));
  const of = Object.fromEntries(fields.map((field) => [field.property, field]));
  const variable = fields.filter(({ isNumber, isIp }) => !isNumber && !isIp);
  const fixedSize = fields.reduce((sum, { keySize }) => sum + keySize + fixedValueMax, headMax);
  return { type, fields, variable, fixedSize, of: of as Schema<Message>["of"] };
}

export const pingSchema: Schema<Ping> = schema(messageType.ping, {
  seqNo: "uint32",
  node: "string",
  sourceAddr: optional("ip"),
  sourcePort: optional("uint16"),
  sourceNode: optional("string"),
});

export const indirectPingSchema: Schema<IndirectPing> = schema(messageType.indirectPing, {
  seqNo: "uint32",
  target: "ip",
  port: "uint16",
  node: "string",
  nack: "boolean",
  sourceAddr: optional("ip"),
  sourcePort: optional("uint16"),
  sourceNode: optional("string"),
});

export const ackSchema: Schema<AckResp> = schema(messageType.ackResp, { seqNo: "uint32", payload: "bytes" });

export const nackSchema: Schema<NackResp> = schema(messageType.nackResp, { seqNo: "uint32" });

export const suspectSchema: Schema<Suspect> = schema(messageType.suspect, {
  incarnation: "uint32",
  node: "string",
  from: "string",
});

export const deadSchema: Schema<Dead> = schema(messageType.dead, { incarnation: "uint32", node: "string", from: "string" });

export const aliveSchema: Schema<Alive> = schema(messageType.alive, {
  incarnation: "uint32",
  node: "string",
  addr: "relayedIp",
  port: "uint16",
  meta: "bytes",
  vsn: "versions",
});

export const errSchema: Schema<ErrResp> = schema(messageType.err, { error: "string" });

export const compressedSchema: Schema<Compressed> = schema(messageType.compress, { algo: "uint8", buf: "bytes" });

export const pushPullSchema: Schema<PushPullHeader> = schema(messageType.pushPull, {
  nodes: "int",
  userStateLen: "int",
  join: "boolean",
});

export const pushNodeSchema: Schema<PushNodeState> = schema(undefined, {
  name: "string",
  addr: "relayedIp",
  port: "uint16",
  meta: "bytes",
  incarnation: "uint32",
  state: "int",
  vsn: "versions",
});

export const userSchema: Schema<UserHeader> = schema(messageType.user, { userMsgLen: "int" });

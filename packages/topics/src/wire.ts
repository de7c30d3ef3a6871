import { Decoder, Encoder } from "@msgpack/msgpack";
import { isWhole } from "./wire-shape.ts";

/** A published message, as members exchange it. */
export interface WireMessage {
  /** A random number of 48 bits: one start of the publisher. */
  readonly origin: number;
  /** The name of the publisher. */
  readonly sender: string;
  /** Counts the messages of this origin, from 1. */
  readonly sequence: number;
  /** The lowest sequence that the publisher still kept when it published this message. Receivers do not wait for lower ones. */
  readonly floor: number;
  /** The time since it was published, in ms, when it was sent. */
  readonly age: number;
  /** 0, or for a retained value 1 more than the version of the value that it replaces. */
  readonly version: number;
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** A part of the messages of one origin, both ends included. */
export interface Range {
  readonly origin: number;
  readonly from: number;
  readonly to: number;
}

/** What a member has of one origin: all messages from `floor` (or since they expired) to before `next`. */
export interface OriginDigest {
  readonly origin: number;
  readonly sender: string;
  readonly floor: number;
  readonly next: number;
}

/** The retained value of one topic. */
export interface RetainedDigest {
  readonly topic: string;
  readonly version: number;
  readonly origin: number;
}

/** What a member has, so that others find what they miss. */
export interface Digest {
  /** The name of the member. */
  readonly member: string;
  readonly origins: readonly OriginDigest[];
  readonly retained: readonly RetainedDigest[];
}

/** A message of the topics' channel. */
export type Packet =
  | { readonly type: "publish"; readonly message: WireMessage }
  | { readonly type: "digest"; readonly digest: Digest }
  | { readonly type: "pull"; readonly ranges: readonly Range[]; readonly retained: readonly string[] }
  | { readonly type: "repair"; readonly messages: readonly WireMessage[]; readonly retained: readonly WireMessage[] }
  /** The receiver passes the message on to these members. */
  | { readonly type: "tree"; readonly message: WireMessage; readonly receivers: readonly string[] };

const types = ["publish", "digest", "pull", "repair", "tree"] as const;

/** Copies what it encodes. */
const encoder = new Encoder();
/** The bytes of payloads are views. A header cannot announce much more than its packet has. */
const decoder = new Decoder({ maxArrayLength: 65_536, maxMapLength: 0, maxExtLength: 0 });
/** The highest version of a retained value. Nobody gets there by publishing. */
export const maxVersion: number = 2 ** 32 - 1;
/** The highest age of a message, in ms. */
const maxAge = 2 ** 50;
/** The highest sequence. The next one must still be exact. */
const maxSequence = 2 ** 52;
/** The longest topic and the longest name of a member, in bytes. */
export const nameMaxSize: number = 255;

export function encodePacket(packet: Packet): Uint8Array {
  return encoder.encode([types.indexOf(packet.type), ...fieldsOf(packet)]);
}

export function encodeDigest({ member, origins, retained }: Digest): Uint8Array {
  return encoder.encode(digestFields({ member, origins, retained }));
}

function fieldsOf(packet: Packet): unknown[] {
  switch (packet.type) {
    case "publish":
      return [messageFields(packet.message)];
    case "digest":
      return digestFields(packet.digest);
    case "pull":
      return [packet.ranges.map(({ origin, from, to }) => [origin, from, to]), packet.retained];
    case "repair":
      return [packet.messages.map(messageFields), packet.retained.map(messageFields)];
    default:
      return [messageFields(packet.message), packet.receivers];
  }
}

function messageFields(message: WireMessage): unknown[] {
  const { origin, sender, sequence, floor, age, version, topic, payload } = message;
  return [origin, sender, sequence, floor, Math.round(age), version, topic, payload];
}

function digestFields({ member, origins, retained }: Digest): unknown[] {
  return [
    member,
    origins.map(({ origin, sender, floor, next }) => [origin, sender, floor, next]),
    retained.map(({ topic, version, origin }) => [topic, version, origin]),
  ];
}

/** @returns undefined for bytes that are not a packet of this version */
export function decodePacket(bytes: Uint8Array): Packet | undefined {
  try {
    const [type, ...fields] = decode(bytes);
    switch (types[count(type)]) {
      case "publish":
        return { type: "publish", message: readMessage(fields[0]) };
      case "digest":
        return { type: "digest", digest: readDigest(fields) };
      case "pull":
        return { type: "pull", ranges: list(fields[0]).map(readRange), retained: list(fields[1]).map(string) };
      case "repair":
        return { type: "repair", messages: list(fields[0]).map(readMessage), retained: list(fields[1]).map(readMessage) };
      case "tree":
        return { type: "tree", message: readMessage(fields[0]), receivers: list(fields[1]).map(string) };
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** @returns undefined for bytes that are not a digest */
export function decodeDigest(bytes: Uint8Array): Digest | undefined {
  try {
    return readDigest(decode(bytes));
  } catch {
    return undefined;
  }
}

function decode(bytes: Uint8Array): unknown[] {
  if (!isWhole(bytes)) throw new RangeError("not a value");
  return list(decoder.decode(bytes));
}

function readMessage(value: unknown): WireMessage {
  const [origin, sender, sequence, floor, age, version, topic, payload] = list(value);
  if (!(payload instanceof Uint8Array)) throw new TypeError("not bytes");
  const message = {
    origin: count(origin),
    sender: nameOf(sender),
    sequence: count(sequence, maxSequence),
    floor: count(floor),
    // Others add to it before they pass it on, and it must stay a safe integer.
    age: Math.min(count(age), maxAge),
    version: count(version, maxVersion),
    topic: nameOf(topic),
    payload: new Uint8Array(payload),
  };
  if (message.sequence === 0 || message.floor === 0 || message.floor > message.sequence) throw new RangeError("not a sequence");
  return message;
}

function readDigest([member, origins, retained]: readonly unknown[]): Digest {
  return {
    member: nameOf(member),
    origins: list(origins).map((value) => {
      const [origin, sender, floor, next] = list(value);
      return { origin: count(origin), sender: nameOf(sender), floor: count(floor), next: count(next, maxSequence + 1) };
    }),
    retained: list(retained).map((value) => {
      const [topic, version, origin] = list(value);
      return { topic: nameOf(topic), version: count(version, maxVersion), origin: count(origin) };
    }),
  };
}

function readRange(value: unknown): Range {
  const [origin, from, to] = list(value);
  return { origin: count(origin), from: count(from), to: count(to) };
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value as unknown[];
}

function count(value: unknown, max: number = Number.MAX_SAFE_INTEGER): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > max)
    throw new TypeError("not a number from 0");
  return value as number;
}

/** The name of a member or a topic. A UTF-16 unit takes a byte or more. */
function nameOf(value: unknown): string {
  const name = string(value);
  if (name === "" || name.length > nameMaxSize) throw new RangeError("not a name");
  return name;
}

function string(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("not a string");
  return value;
}

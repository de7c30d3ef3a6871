import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { makeCompound, splitCompound } from "../../src/wire/compound.ts";
import { decompressBody } from "../../src/wire/compression/compress.ts";
import { messageType } from "../../src/wire/constants.ts";
import { maxDecompressedBytes, maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes } from "../../src/wire/input-limits.ts";
import {
  decodeAckResp,
  decodeAlive,
  decodeDead,
  decodeIndirectPing,
  decodeNackResp,
  decodePing,
  decodeSuspect,
} from "../../src/wire/messages/decode.ts";
import {
  encodeAckResp,
  encodeAlive,
  encodeDead,
  encodeErrResp,
  encodeIndirectPing,
  encodeNackResp,
  encodePing,
  encodeSuspect,
  encodeUser,
} from "../../src/wire/messages/encode.ts";
import { encodePushPull, encodeUserStream } from "../../src/wire/messages/push-pull.ts";
import {
  readAck,
  readErr,
  readPing,
  readPushPull,
  readStreamLabel,
  readStreamMessage,
  readUserMessage,
  type StreamLimits,
} from "../../src/wire/stream-messages.ts";
import type { StreamSecurity } from "../../src/wire/stream-layers.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";

/**
 * Messages sent by a real Go peer, made by `pnpm --filter @memberlist/interop capture` with a crypto that is not the core's. Bytes
 * are hex, a nil byte slice is null; large payloads are given by their SHA-256.
 */
export interface Vector {
  readonly name: string;
  readonly kind: "packet" | "stream";
  readonly layers: readonly string[];
  readonly messages: readonly Meaning[];
  readonly hex: string;
  readonly label?: string;
  readonly key?: string;
}
export type Meaning = { readonly type: string } & Readonly<Record<string, unknown>>;

export interface Golden {
  readonly memberlist: string;
  readonly vectors: readonly Vector[];
}

export const golden: Golden = JSON.parse(readFileSync(new URL("../vectors/go-0.7.0.json", import.meta.url), "utf8")) as Golden;
export const limits: StreamLimits = { maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes, maxDecompressedBytes };

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const bytesOf = (text: unknown): Uint8Array => new Uint8Array(Buffer.from(typeof text === "string" ? text : "", "hex"));
export const labelOf = (vector: Vector): Uint8Array => new TextEncoder().encode(vector.label ?? "");

/** Go distinguishes an empty slice (0xa0) from a nil one (0xc0). This library has one empty value and writes it as nil. */
export const holdsEmptySlice = (vector: Vector): boolean => vector.messages.some((message) => message.meta === "");

/** What we decode, in the form of the vectors; `node` gives the fields that the vector has. */
function meaning(type: string, fields: object): Meaning {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === "" && key.startsWith("source")) continue;
    if (value === 0 && key === "sourcePort") continue;
    out[key] = value instanceof Uint8Array ? hex(value) : value;
  }
  return { type, ...out };
}

function userMeaning(payload: Uint8Array): Meaning {
  const size = payload.length;
  if (size <= 1024) return { type: "user", size, payload: hex(payload) };
  return { type: "user", size, sha256: createHash("sha256").update(payload).digest("hex") };
}

/** The vectors say nil; we make no difference. */
export function withoutNil(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, field: unknown) => (field === null ? "" : field));
}

function decodeMessage(message: Uint8Array): Meaning {
  const body = message.subarray(1);
  switch (message[0]) {
    case messageType.ping:
      return meaning("ping", decodePing(body));
    case messageType.indirectPing:
      return meaning("indirectPing", decodeIndirectPing(body));
    case messageType.ackResp:
      return meaning("ack", decodeAckResp(body));
    case messageType.nackResp:
      return meaning("nack", decodeNackResp(body));
    case messageType.suspect:
      return meaning("suspect", decodeSuspect(body));
    case messageType.alive:
      return meaning("alive", decodeAlive(body));
    case messageType.dead:
      return meaning("dead", decodeDead(body));
    case messageType.user:
      return userMeaning(body);
    default:
      throw new Error(`type ${message[0]} in a vector`);
  }
}

export function decodeMessages(message: Uint8Array, layers: string[]): Meaning[] {
  if (message[0] === messageType.compress) {
    layers.push("compress");
    return decodeMessages(decompressBody(message.subarray(1), maxDecompressedBytes), layers);
  }
  if (message[0] === messageType.compound) {
    layers.push("compound");
    const { parts, truncated } = splitCompound(message.subarray(1));
    if (truncated > 0) throw new Error(`${truncated} parts cut off`);
    return parts.flatMap((part) => decodeMessages(part, layers));
  }
  return [decodeMessage(message)];
}

/* A meaning has all the fields of the interface that an encoder takes; only bytes are in another form, and what is "left out" is absent. */
export function encodeMessage(message: Meaning): Uint8Array {
  const source = { sourceAddr: "", sourcePort: 0, sourceNode: "" };
  const fields = { ...source, ...message, meta: bytesOf(message.meta), payload: bytesOf(message.payload) } as never;
  switch (message.type) {
    case "ping":
      return encodePing(fields);
    case "indirectPing":
      return encodeIndirectPing(fields);
    case "ack":
      return encodeAckResp(fields);
    case "nack":
      return encodeNackResp(fields);
    case "suspect":
      return encodeSuspect(fields);
    case "alive":
      return encodeAlive(fields);
    case "dead":
      return encodeDead(fields);
    case "user":
      return encodeUser(bytesOf(message.payload));
    case "err":
      return encodeErrResp(fields);
    default:
      throw new Error(`type ${message.type} in a vector`);
  }
}

/** What a stream's message says. */
export async function decodeBody(type: number, body: StreamReader): Promise<Meaning> {
  switch (type) {
    case messageType.pushPull: {
      const { join, nodes, userState } = await readPushPull(body, limits);
      const plainNodes = nodes.map((node) => ({ ...node, meta: hex(node.meta) }));
      return { type: "pushPull", join, nodes: plainNodes, userState: hex(userState) };
    }
    case messageType.user:
      return userMeaning(await readUserMessage(body, limits));
    case messageType.ping:
      return meaning("ping", await readPing(body));
    case messageType.ackResp:
      return meaning("ack", await readAck(body));
    case messageType.err:
      return meaning("err", await readErr(body));
    default:
      throw new Error(`type ${type} in a vector`);
  }
}

/** The message of a packet, before all layers. */
export function encodePacketMessage(vector: Vector): Uint8Array {
  const parts = vector.messages.map(encodeMessage);
  return vector.layers.includes("compound") ? makeCompound(parts) : (parts[0] as Uint8Array);
}

/** The message of a stream, before all layers. */
export async function reencodeMessage(vector: Vector, security?: StreamSecurity): Promise<Uint8Array> {
  const [is] = vector.messages as [Meaning];
  if (is.type === "pushPull") {
    const nodes = (is.nodes as Record<string, unknown>[]).map((node) => ({ ...node, meta: bytesOf(node.meta) }));
    return encodePushPull(is.join === true, nodes as never, bytesOf(is.userState));
  }
  if (is.type !== "user") return encodeMessage(is);
  const reader = new StreamReader(bytesOf(vector.hex));
  await readStreamLabel(reader);
  const { body } = await readStreamMessage(reader, limits, security);
  return encodeUserStream(await readUserMessage(body, limits));
}

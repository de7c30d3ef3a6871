import { splitCompound } from "../../src/wire/compound.ts";
import { decompressBody } from "../../src/wire/compression/compress.ts";
import { messageType } from "../../src/wire/constants.ts";
import { maxDecompressedBytes } from "../../src/wire/input-limits.ts";
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
  encodeIndirectPing,
  encodeNackResp,
  encodePing,
  encodeSuspect,
  encodeUser,
} from "../../src/wire/messages/encode.ts";
import type { AckResp, Alive, Dead, IndirectPing, NackResp, Ping, Suspect } from "../../src/wire/messages/types.ts";

/** A decoded message, distinguished by `kind`. */
export type Message =
  | ({ readonly kind: "ping" } & Ping)
  | ({ readonly kind: "indirectPing" } & IndirectPing)
  | ({ readonly kind: "ack" } & AckResp)
  | ({ readonly kind: "nack" } & NackResp)
  | ({ readonly kind: "suspect" } & Suspect)
  | ({ readonly kind: "alive" } & Alive)
  | ({ readonly kind: "dead" } & Dead)
  | { readonly kind: "user"; readonly bytes: Uint8Array };

export type MessageKind = Message["kind"];
export type MessageOf<K extends MessageKind> = Extract<Message, { kind: K }>;

/** The versions of every node in these tests, unless a test overrides them. */
export const goodVersions: readonly number[] = [1, 5, 2, 0, 0, 0];

/** All messages of a packet, compounds and compression taken apart. */
export function decodeMessages(packet: Uint8Array): Message[] {
  const body = packet.subarray(1);
  switch (packet[0]) {
    case messageType.compound:
      return splitCompound(body).parts.flatMap((part) => decodeMessages(part));
    case messageType.compress:
      return decodeMessages(decompressBody(body, maxDecompressedBytes));
    case messageType.ping:
      return [{ kind: "ping", ...decodePing(body) }];
    case messageType.indirectPing:
      return [{ kind: "indirectPing", ...decodeIndirectPing(body) }];
    case messageType.ackResp:
      return [{ kind: "ack", ...decodeAckResp(body) }];
    case messageType.nackResp:
      return [{ kind: "nack", ...decodeNackResp(body) }];
    case messageType.suspect:
      return [{ kind: "suspect", ...decodeSuspect(body) }];
    case messageType.alive:
      return [{ kind: "alive", ...decodeAlive(body) }];
    case messageType.dead:
      return [{ kind: "dead", ...decodeDead(body) }];
    case messageType.user:
      return [{ kind: "user", bytes: body }];
    default:
      throw new Error(`the engine sent a message of type ${packet[0]}`);
  }
}

export function encodeMessage(message: Message): Uint8Array {
  switch (message.kind) {
    case "ping":
      return encodePing(message);
    case "indirectPing":
      return encodeIndirectPing(message);
    case "ack":
      return encodeAckResp(message);
    case "nack":
      return encodeNackResp(message);
    case "suspect":
      return encodeSuspect(message);
    case "alive":
      return encodeAlive(message);
    case "dead":
      return encodeDead(message);
    default:
      return encodeUser(message.bytes);
  }
}

/** 127.0.0.k for "n<k>", 127.0.9.9 for every other name. */
export function hostOf(name: string): string {
  const number = /^n(\d+)$/.exec(name)?.[1];
  return number === undefined ? "127.0.9.9" : `127.0.${Number(number) >> 8}.${Number(number) & 255}`;
}

export function alive(node: string, fields: Partial<Alive> = {}): MessageOf<"alive"> {
  return {
    kind: "alive",
    incarnation: 1,
    node,
    addr: hostOf(node),
    port: 7946,
    meta: new Uint8Array(0),
    vsn: goodVersions,
    ...fields,
  };
}

export function suspect(node: string, incarnation: number = 1, from: string = "n99"): MessageOf<"suspect"> {
  return { kind: "suspect", incarnation, node, from };
}

export function dead(node: string, incarnation: number = 1, from: string = "n99"): MessageOf<"dead"> {
  return { kind: "dead", incarnation, node, from };
}

export function ping(fields: Partial<Ping> = {}): MessageOf<"ping"> {
  return { kind: "ping", seqNo: 42, node: "", sourceAddr: "", sourcePort: 0, sourceNode: "", ...fields };
}

export function indirectPing(fields: Partial<IndirectPing> = {}): MessageOf<"indirectPing"> {
  const source = { sourceAddr: "", sourcePort: 0, sourceNode: "" };
  return { kind: "indirectPing", seqNo: 100, target: "127.0.0.2", port: 7946, node: "n2", nack: false, ...source, ...fields };
}

export function ack(seqNo: number, payload: Uint8Array = new Uint8Array(0)): MessageOf<"ack"> {
  return { kind: "ack", seqNo, payload };
}

import { createDecipheriv, createHash } from "node:crypto";
import { decodeRawMap, lzwDecode, rawType, type RawMap, type RawValue } from "./raw-codec.ts";

/** What a message says, in the field names of the core's wire/messages/types.ts; bytes are hex, a nil byte slice is null. */
type WireMeaning = { readonly type: string } & Readonly<Record<string, unknown>>;

export interface WireDescription {
  /** The layers, outermost first, without the message itself: label, encrypt, crc, compress, compound. */
  readonly layers: readonly string[];
  readonly messages: readonly WireMeaning[];
}

/** What is needed to read what is encrypted. */
export interface Secrets {
  readonly label: string;
  readonly key?: Uint8Array;
}

const typeNames = new Map<number, string>(Object.entries(rawType).map(([name, type]) => [type, name]));

/** Takes a packet apart, layer by layer. */
export function describePacket(packet: Uint8Array, secrets: Secrets): WireDescription {
  const layers: string[] = [];
  let rest = packet;
  if (rest[0] === rawType.label) {
    layers.push("label");
    rest = rest.subarray(2 + (rest[1] ?? 0));
  }
  if (secrets.key !== undefined) {
    layers.push(`encrypt${rest[0]}`);
    rest = decrypt(rest, secrets.key, new TextEncoder().encode(secrets.label));
  }
  const messages = describeMessages(rest, layers);
  return { layers, messages };
}

/** The same for all the bytes that came on a stream. */
export function describeStream(bytes: Uint8Array, secrets: Secrets): WireDescription {
  const layers: string[] = [];
  let rest = bytes;
  if (rest[0] === rawType.label) {
    layers.push("label");
    rest = rest.subarray(2 + (rest[1] ?? 0));
  }
  if (rest[0] === rawType.encrypt && secrets.key !== undefined) {
    layers.push(`encrypt${rest[5]}`);
    const data = Buffer.concat([rest.subarray(0, 5), new TextEncoder().encode(secrets.label)]);
    rest = decrypt(rest.subarray(5), secrets.key, data);
  }
  if (rest[0] === rawType.compress) {
    layers.push("compress");
    rest = inflate(rest);
  }
  if (rest[0] === rawType.pushPull) return { layers, messages: [pushPullMeaning(rest)] };
  if (rest[0] === rawType.user) {
    const { map, end } = decodeRawMap(rest, 1);
    const payload = rest.subarray(end, end + Number(map["UserMsgLen"]));
    return { layers, messages: [userMeaning(payload)] };
  }
  return { layers, messages: [messageMeaning(rest)] };
}

function describeMessages(message: Uint8Array, layers: string[]): WireMeaning[] {
  if (message[0] === rawType.crc) {
    layers.push("crc");
    return describeMessages(message.subarray(5), layers);
  }
  if (message[0] === rawType.compress) {
    layers.push("compress");
    return describeMessages(inflate(message), layers);
  }
  if (message[0] === rawType.compound) {
    layers.push("compound");
    const count = message[1] ?? 0;
    const meanings: WireMeaning[] = [];
    let offset = 2 + 2 * count;
    for (let i = 0; i < count; i++) {
      const length = ((message[2 + 2 * i] ?? 0) << 8) | (message[3 + 2 * i] ?? 0);
      meanings.push(messageMeaning(message.subarray(offset, offset + length)));
      offset += length;
    }
    return meanings;
  }
  return [messageMeaning(message)];
}

function messageMeaning(message: Uint8Array): WireMeaning {
  const type = typeNames.get(message[0] ?? -1);
  if (type === undefined) throw new Error(`unknown message type ${message[0]}`);
  if (type === "user") return userMeaning(message.subarray(1));
  return { type, ...bodyMeaning(decodeRawMap(message, 1).map) };
}

/** A large payload is shown as its SHA-256. */
function userMeaning(payload: Uint8Array): WireMeaning {
  const size = payload.length;
  if (size <= 1024) return { type: "user", size, payload: hex(payload) };
  return { type: "user", size, sha256: createHash("sha256").update(payload).digest("hex") };
}

function pushPullMeaning(message: Uint8Array): WireMeaning {
  const header = decodeRawMap(message, 1);
  const nodes: unknown[] = [];
  let offset = header.end;
  for (let i = 0; i < Number(header.map["Nodes"]); i++) {
    const { map, end } = decodeRawMap(message, offset);
    nodes.push(bodyMeaning(map));
    offset = end;
  }
  const userState = message.subarray(offset);
  if (userState.length !== header.map["UserStateLen"]) throw new Error("the user state has another length than announced");
  return { type: "pushPull", join: header.map["Join"], nodes, userState: hex(userState) };
}

function bodyMeaning(map: RawMap): Record<string, unknown> {
  const meaning: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(map)) {
    if (key === "Addr" && value instanceof Uint8Array && isMapped(value)) meaning["isMapped"] = true;
    meaning[`${key[0]?.toLowerCase() ?? ""}${key.slice(1)}`] = fieldMeaning(key, value);
  }
  return meaning;
}

function fieldMeaning(key: string, value: RawValue): unknown {
  if (!(value instanceof Uint8Array)) return value;
  if (key === "Vsn") return [...value];
  if (key === "Addr" || key === "SourceAddr" || key === "Target") return ipText(value);
  if (key === "Meta" || key === "Payload") return hex(value);
  return new TextDecoder().decode(value);
}

/** Whether it is IPv4 in 16 bytes. */
function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && hex(bytes.subarray(0, 12)) === `${"00".repeat(10)}ffff`;
}

/** Of IPv6 only what the capture meets: ::1. */
function ipText(bytes: Uint8Array): string {
  if (isMapped(bytes)) return bytes.subarray(12).join(".");
  return bytes.length === 4 ? bytes.join(".") : hex(bytes) === `${"00".repeat(15)}01` ? "::1" : hex(bytes);
}

function inflate(message: Uint8Array): Uint8Array {
  const { map } = decodeRawMap(message, 1);
  if (map["Algo"] !== 0) throw new Error("unknown algorithm");
  return lzwDecode(map["Buf"] as Uint8Array);
}

/** [version, nonce 12, ciphertext, tag 16]; version 0 is padded. */
function decrypt(encrypted: Uint8Array, key: Uint8Array, data: Uint8Array): Uint8Array {
  const algorithm = `aes-${key.length * 8}-gcm` as "aes-128-gcm";
  const decipher = createDecipheriv(algorithm, key, encrypted.subarray(1, 13)).setAAD(data);
  decipher.setAuthTag(encrypted.subarray(-16));
  const plain = new Uint8Array(Buffer.concat([decipher.update(encrypted.subarray(13, -16)), decipher.final()]));
  return encrypted[0] === 0 ? plain.subarray(0, plain.length - (plain.at(-1) ?? 0)) : plain;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

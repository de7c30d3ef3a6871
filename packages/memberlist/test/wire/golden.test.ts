import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeCompound, splitCompound } from "../../src/wire/compound.ts";
import { compressMessage, decompressBody } from "../../src/wire/compress.ts";
import {
  maxDecompressedBytes,
  maxPushStateBytes,
  maxPushStateNodes,
  maxUserMsgBytes,
  messageType,
} from "../../src/wire/constants.ts";
import {
  decodeAckResp,
  decodeAlive,
  decodeDead,
  decodeIndirectPing,
  decodeNackResp,
  decodePing,
  decodeSuspect,
} from "../../src/wire/decode.ts";
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
} from "../../src/wire/encode.ts";
import { labelHeader } from "../../src/wire/label.ts";
import { openPacket, sealPacket } from "../../src/wire/packet.ts";
import { encodePushPull, encodeUserStream } from "../../src/wire/push-pull.ts";
import {
  readAck,
  readErr,
  readPing,
  readPushPull,
  readStreamLabel,
  readStreamMessage,
  readUserMessage,
  sealStreamMessage,
} from "../../src/wire/stream-frame.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";

/**
 * What a real Go peer has sent, made by `pnpm --filter @memberlist/interop capture` with a codec that is not the core's. Bytes
 * are hex, a nil byte slice is null; large payloads are told by their SHA-256.
 */
interface Vector {
  readonly name: string;
  readonly kind: "packet" | "stream";
  readonly layers: readonly string[];
  readonly messages: readonly Meaning[];
  readonly hex: string;
  readonly label?: string;
  readonly key?: string;
}
type Meaning = { readonly type: string } & Readonly<Record<string, unknown>>;

interface Golden {
  readonly memberlist: string;
  readonly vectors: readonly Vector[];
}

const golden = JSON.parse(readFileSync(new URL("../vectors/go-0.7.0.json", import.meta.url), "utf8")) as Golden;
const plain = golden.vectors.filter((vector) => vector.key === undefined);
const packets = plain.filter((vector) => vector.kind === "packet");
const streams = plain.filter((vector) => vector.kind === "stream");
const limits = { maxPushStateBytes, maxPushStateNodes, maxUserMsgBytes, maxDecompressedBytes };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (text: unknown): Uint8Array => new Uint8Array(Buffer.from(String(text ?? ""), "hex"));
const labelOf = (vector: Vector): Uint8Array => new TextEncoder().encode(vector.label ?? "");

/** Go tells an empty slice (0xa0) from a nil one (0xc0); we have one empty value and write it as nil. */
const holdsEmptySlice = (vector: Vector): boolean => vector.messages.some((message) => message.meta === "");

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
function withoutNil(value: unknown): unknown {
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

function decodeMessages(message: Uint8Array, layers: string[]): Meaning[] {
  if (message[0] === messageType.compress) {
    layers.push("compress");
    return decodeMessages(decompressBody(message.subarray(1), maxDecompressedBytes), layers);
  }
  if (message[0] === messageType.compound) {
    layers.push("compound");
    const { parts, truncated } = splitCompound(message.subarray(1));
    expect(truncated).toBe(0);
    return parts.flatMap((part) => decodeMessages(part, layers));
  }
  return [decodeMessage(message)];
}

/* A meaning has all the fields of the interface that an encoder takes; only bytes are in another form, and what is "left out" is absent. */
function encodeMessage(message: Meaning): Uint8Array {
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

describe(`packets of a Go peer (memberlist ${golden.memberlist})`, () => {
  it("holds every type and layer that travels in packets", () => {
    expect(new Set(packets.flatMap((vector) => vector.messages.map(({ type }) => type)))).toEqual(
      new Set(["ping", "indirectPing", "ack", "nack", "suspect", "alive", "dead", "user"]),
    );
    expect(new Set(packets.flatMap((vector) => vector.layers))).toEqual(new Set(["compound", "compress", "crc", "label"]));
  });

  it.each(packets.map((vector) => [vector.name, vector] as const))("decodes %s", (_name, vector) => {
    const packet = bytesOf(vector.hex);
    const message = openPacket(packet, { label: labelOf(vector), skipInboundLabelCheck: false });
    const layers: string[] = [];
    expect(decodeMessages(message, layers)).toEqual(withoutNil(vector.messages));
    expect(layers).toEqual(vector.layers.filter((layer) => layer !== "crc" && layer !== "label"));
    const outer = packet.length - message.length;
    const labelSize = vector.label === undefined ? 0 : 2 + vector.label.length;
    expect(outer).toBe(labelSize + (vector.layers.includes("crc") ? 5 : 0));
  });

  it.each(packets.filter((vector) => !holdsEmptySlice(vector)).map((vector) => [vector.name, vector] as const))(
    "encodes %s byte for byte",
    (_name, vector) => {
      const parts = vector.messages.map(encodeMessage);
      const message = vector.layers.includes("compound") ? makeCompound(parts) : (parts[0] as Uint8Array);
      // The session's compression, not the packet's: what would only grow stays as it is.
      const compress = vector.name.includes("compressed");
      const sealed = sealPacket(message, { compress, crc: vector.layers.includes("crc"), label: labelOf(vector) });
      expect(hex(sealed)).toBe(vector.hex);
    },
  );
});

describe(`streams of a Go peer (memberlist ${golden.memberlist})`, () => {
  const decode = async (vector: Vector): Promise<{ meaning: Meaning; layers: string[]; rest: number }> => {
    const whole = bytesOf(vector.hex);
    const reader = new StreamReader(whole);
    const label = await readStreamLabel(reader);
    const layers = label.length > 0 ? ["label"] : [];
    if (layers.length > 0) expect(hex(label)).toBe(hex(labelOf(vector)));
    if (whole[label.length === 0 ? 0 : 2 + label.length] === messageType.compress) layers.push("compress");
    const { type, body } = await readStreamMessage(reader, limits);
    return { meaning: await decodeBody(type, body), layers, rest: await rest(body) };
  };
  const rest = async (reader: StreamReader): Promise<number> => ((await reader.peekByte()) === undefined ? 0 : 1);
  const decodeBody = async (type: number, body: StreamReader): Promise<Meaning> => {
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
  };

  it("holds every type that travels on streams", () => {
    expect(new Set(streams.flatMap((vector) => vector.messages.map(({ type }) => type)))).toEqual(
      new Set(["pushPull", "user", "ping", "ack", "err"]),
    );
    const states = streams.flatMap(({ messages }) => messages.flatMap(({ nodes }) => (nodes as { state: number }[]) ?? []));
    expect(new Set(states.map(({ state }) => state))).toEqual(new Set([0, 1, 2, 3]));
  });

  it.each(streams.map((vector) => [vector.name, vector] as const))("decodes %s", async (_name, vector) => {
    const decoded = await decode(vector);
    expect([decoded.meaning]).toEqual(withoutNil(vector.messages));
    expect(decoded.layers).toEqual(vector.layers);
    expect(decoded.rest).toBe(0);
  });

  it.each(streams.map((vector) => [vector.name, vector] as const))("encodes %s byte for byte", async (_name, vector) => {
    const message = await (async (): Promise<Uint8Array> => {
      const [is] = vector.messages as [Meaning];
      if (is.type === "pushPull") {
        const nodes = (is.nodes as Record<string, unknown>[]).map((node) => ({ ...node, meta: bytesOf(node.meta) }));
        return encodePushPull(is.join === true, nodes as never, bytesOf(is.userState));
      }
      if (is.type !== "user") return encodeMessage(is);
      const reader = new StreamReader(bytesOf(vector.hex));
      await readStreamLabel(reader);
      const { body } = await readStreamMessage(reader, limits);
      return encodeUserStream(await readUserMessage(body, limits));
    })();
    const sealed = sealStreamMessage(message, { compress: vector.layers.includes("compress") });
    const header = vector.layers.includes("label") ? hex(labelHeader(labelOf(vector))) : "";
    expect(header + hex(sealed)).toBe(vector.hex);
  });

  it("compresses on a stream even what only grows", () => {
    const vector = streams.find(({ name }) => name === "compressed-stream-ack") as Vector;
    const message = encodeMessage(vector.messages[0] as Meaning);
    expect(bytesOf(vector.hex).length).toBeGreaterThan(message.length);
    expect(hex(compressMessage(message))).toBe(vector.hex);
  });
});

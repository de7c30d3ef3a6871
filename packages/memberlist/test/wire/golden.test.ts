import { describe, expect, it } from "vitest";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import { messageType } from "../../src/wire/constants.ts";
import { labelHeader } from "../../src/wire/label.ts";
import { decodePacket, encodePacket } from "../../src/wire/packet.ts";
import { readStreamLabel, readStreamMessage } from "../../src/wire/stream-messages.ts";
import { encodeStreamMessage } from "../../src/wire/stream-layers.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import {
  bytesOf,
  decodeBody,
  decodeMessages,
  encodeMessage,
  encodePacketMessage,
  reencodeMessage,
  golden,
  hex,
  holdsEmptySlice,
  labelOf,
  limits,
  withoutNil,
  type Meaning,
  type Vector,
} from "./golden-vectors.ts";

const plain = golden.vectors.filter((vector) => vector.key === undefined);
const packets = plain.filter((vector) => vector.kind === "packet");
const streams = plain.filter((vector) => vector.kind === "stream");

describe(`the packet codec, against a Go peer (memberlist ${golden.memberlist})`, () => {
  it("covers every type and layer of packets", () => {
    expect(new Set(packets.flatMap((vector) => vector.messages.map(({ type }) => type)))).toEqual(
      new Set(["ping", "indirectPing", "ack", "nack", "suspect", "alive", "dead", "user"]),
    );
    expect(new Set(packets.flatMap((vector) => vector.layers))).toEqual(new Set(["compound", "compress", "crc", "label"]));
  });

  it.each(packets.map((vector) => [vector.name, vector] as const))("decodes %s", (_name, vector) => {
    const packet = bytesOf(vector.hex);
    const message = decodePacket(packet, { label: labelOf(vector), skipInboundLabelCheck: false });
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
      const message = encodePacketMessage(vector);
      // The session's compression, not the packet's: what would only grow stays as it is.
      const compress = vector.name.includes("compressed");
      const encoded = encodePacket(message, { compress, crc: vector.layers.includes("crc"), label: labelOf(vector) });
      expect(hex(encoded)).toBe(vector.hex);
    },
  );
});

describe(`the stream codec, against a Go peer (memberlist ${golden.memberlist})`, () => {
  const decode = async (vector: Vector): Promise<{ meaning: Meaning; label: string; layers: string[]; rest: number }> => {
    const whole = bytesOf(vector.hex);
    const reader = new StreamReader(whole);
    const label = await readStreamLabel(reader);
    const layers = label.length > 0 ? ["label"] : [];
    if (whole[label.length === 0 ? 0 : 2 + label.length] === messageType.compress) layers.push("compress");
    const { type, body } = await readStreamMessage(reader, limits);
    return { meaning: await decodeBody(type, body), label: hex(label), layers, rest: await rest(body) };
  };
  const rest = async (reader: StreamReader): Promise<number> => ((await reader.peekByte()) === undefined ? 0 : 1);
  it("covers every type of streams", () => {
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
    // An answer on a stream bears no label, even in a cluster that has one.
    expect(decoded.label).toBe(vector.layers.includes("label") ? hex(labelOf(vector)) : "");
    expect(decoded.rest).toBe(0);
  });

  it.each(streams.map((vector) => [vector.name, vector] as const))("encodes %s byte for byte", async (_name, vector) => {
    const message = await reencodeMessage(vector);
    const encoded = encodeStreamMessage(message, { compress: vector.layers.includes("compress") });
    const header = vector.layers.includes("label") ? hex(labelHeader(labelOf(vector))) : "";
    expect(header + hex(encoded)).toBe(vector.hex);
  });

  it("compresses on a stream even messages that grow", () => {
    const vector = streams.find(({ name }) => name === "compressed-stream-ack") as Vector;
    const message = encodeMessage(vector.messages[0] as Meaning);
    expect(bytesOf(vector.hex).length).toBeGreaterThan(message.length);
    expect(hex(compressMessage(message))).toBe(vector.hex);
  });
});

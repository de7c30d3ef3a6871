import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitCompound } from "../../src/wire/compound.ts";
import { decompressBody, compressMessage } from "../../src/wire/compression/compress.ts";
import * as decode from "../../src/wire/messages/decode.ts";
import * as encode from "../../src/wire/messages/encode.ts";
import { splitLabel } from "../../src/wire/label.ts";
import { lzwDecompress } from "../../src/wire/compression/lzw.ts";
import { scanObject } from "../../src/wire/messages/msgpack.ts";
import { decodePacket, encodePacket } from "../../src/wire/packet.ts";
import { encodePushPull, encodeUserStream } from "../../src/wire/messages/push-pull.ts";
import * as frame from "../../src/wire/stream-messages.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { ascii } from "./hex.ts";
import { reasonOf, rejectionOf } from "./reason.ts";
import { streamOf } from "./stream-of.ts";

const runs = { numRuns: 1000 };
const limits: frame.StreamLimits = {
  maxPushStateBytes: 1e4,
  maxPushStateNodes: 100,
  maxUserMsgBytes: 1e4,
  maxDecompressedBytes: 1e5,
};
const label = ascii("lab");
const source = { sourceAddr: "10.0.0.1", sourcePort: 7946, sourceNode: "s" };
const node = { name: "n", addr: "::1", port: 7946, meta: ascii("meta"), incarnation: 7, state: 0, vsn: [1, 5, 2, 0, 0, 0] };

/** Messages that are right, to be bent. */
const messages: readonly Uint8Array[] = [
  encode.encodePing({ seqNo: 70_000, node: "n", ...source }),
  encode.encodeIndirectPing({ seqNo: 300, target: "10.0.0.2", port: 1, node: "n", nack: true, ...source }),
  encode.encodeAckResp({ seqNo: 1, payload: ascii("payload") }),
  encode.encodeNackResp({ seqNo: 1 }),
  encode.encodeDead({ incarnation: 9, node: "n", from: "m" }),
  encode.encodeAlive({ incarnation: 9, node: "n", addr: "10.0.0.1", port: 7946, meta: ascii("meta"), vsn: [1, 5, 2, 0, 0, 0] }),
  encode.encodeErrResp({ error: "e" }),
  encodePushPull(true, [node, node], ascii("state")),
  encodeUserStream(ascii("user")),
  compressMessage(encodePushPull(true, [node, node, node], ascii("state"))),
  encodePacket(ascii("\x08hello"), { compress: false, crc: true, label }),
];

/** Random bytes, and right messages with some bytes changed, cut out or put in. */
const bent: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(fc.constantFrom(...messages), fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(2)), { minLength: 1, maxLength: 4 }))
    .map(([message, changes]) => {
      const bytes = [...message];
      for (const [where, value, kind] of changes)
        bytes.splice(where % (bytes.length + 1), kind === 0 ? 0 : 1, ...(kind === 2 ? [] : [value]));
      return Uint8Array.from(bytes);
    }),
);

const decoders: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  decodePing: decode.decodePing,
  decodeIndirectPing: decode.decodeIndirectPing,
  decodeAckResp: decode.decodeAckResp,
  decodeNackResp: decode.decodeNackResp,
  decodeSuspect: decode.decodeSuspect,
  decodeAlive: decode.decodeAlive,
  decodeDead: decode.decodeDead,
  decodeErrResp: decode.decodeErrResp,
  splitCompound,
  splitLabel,
  scanObject: (bytes) => scanObject(bytes, 0),
  lzwDecompress: (bytes) => lzwDecompress(bytes, 1e5),
  decompressBody: (bytes) => decompressBody(bytes, 1e5),
  decodePacket: (bytes) => decodePacket(bytes, { label, skipInboundLabelCheck: false }),
  "decodePacket behind a front-end": (bytes) => decodePacket(bytes, { label, skipInboundLabelCheck: true }),
};

const readers: Readonly<Record<string, (reader: StreamReader) => Promise<unknown>>> = {
  readStreamLabel: frame.readStreamLabel,
  readPing: frame.readPing,
  readAck: frame.readAck,
  readErr: frame.readErr,
  readPushPull: async (reader) => frame.readPushPull(reader, limits),
  readUserMessage: async (reader) => frame.readUserMessage(reader, limits),
  readStreamMessage: async (reader) => {
    await frame.readStreamLabel(reader);
    const { type, body } = await frame.readStreamMessage(reader, limits);
    return type === 8 ? frame.readUserMessage(body, limits) : frame.readPushPull(body, limits);
  },
};

/** What was read. Bytes that are wrong in two ways are refused for the one that is seen first: the reasons may differ. */
async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  const reason = await rejectionOf(promise);
  return reason === "" ? promise : "refused";
}

// Any error but a DecodeError or a MemberlistError is thrown on by reasonOf and rejectionOf.
describe("a decoder of hostile bytes", () => {
  it.each(Object.entries(decoders))("decodes or refuses any input: %s", (_, decoder) => {
    fc.assert(
      fc.property(bent, (bytes) => {
        const before = Uint8Array.from(bytes);
        expect(reasonOf(() => decoder(bytes))).toEqual(expect.any(String));
        expect(reasonOf(() => decoder(bytes.subarray(1)))).toEqual(expect.any(String));
        expect(bytes).toEqual(before);
      }),
      runs,
    );
  });

  it.each(Object.entries(readers))("decodes or refuses any input, the same in one chunk and in many: %s", async (_, read) => {
    await fc.assert(
      fc.asyncProperty(bent, fc.boolean(), async (bytes, skip) => {
        const input = skip ? bytes.subarray(1) : bytes;
        const whole = await outcomeOf(read(new StreamReader(input)));
        expect(await outcomeOf(read(new StreamReader(streamOf(input, 3))))).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });
});

import { makeCompound } from "../src/wire/compound.ts";
import { compressMessage } from "../src/wire/compression/compress.ts";
import { compoundMaxParts, messageType } from "../src/wire/constants.ts";
import * as encode from "../src/wire/messages/encode.ts";
import type { Alive } from "../src/wire/messages/types.ts";
import { encodeUtf8 } from "../src/wire/utf8.ts";

/** A message that is made to cost its receiver as much as it can. */
export interface WorstPacket {
  readonly name: string;
  /** Each round has names of its own, so that the receiver knows none of the nodes. */
  readonly make: (round: number) => Uint8Array;
}

/** The bytes that one packet may decompress to, less some for the fields around them. */
const room = 1024 * 1024 - 1024;
/** As much of a compound's part as 255 of them leave to each. */
const partRoom = Math.floor(room / compoundMaxParts) - 2;
const none = new Uint8Array(0);
const vsn = [1, 5, 2, 0, 0, 0];

function parts(make: (i: number) => Uint8Array, count: number = compoundMaxParts): Uint8Array {
  return compressMessage(makeCompound(Array.from({ length: count }, (_, i) => make(i))));
}

/** Bytes that are not UTF-8, and differ in their last bytes. */
function badName(size: number, tag: number): string {
  const bytes = new Uint8Array(size).fill(0xff);
  for (let i = 0; i < 4; i++) bytes[size - 1 - i] = 0x80 | ((tag >>> (i * 6)) & 0x3f);
  let name = "";
  for (const byte of bytes) name += String.fromCharCode(0xdc00 + byte);
  return name;
}

function longName(size: number, tag: number): string {
  return String(tag).padStart(size, "x");
}

function aliveOf(node: string, tag: number, meta: Uint8Array = none): Uint8Array {
  const addr = `10.${(tag >>> 16) & 255}.${(tag >>> 8) & 255}.${tag & 255}`;
  return encode.encodeAlive({ incarnation: 1, node, addr, port: 7946, meta, vsn });
}

function aliveFields(node: string): Alive {
  return { incarnation: 1, node, addr: "10.7.7.7", port: 7946, meta: none, vsn };
}

/** Versions that fill a packet; the first of them is `pMin`. */
function longVersions(pMin: number): readonly number[] {
  return [pMin, 5, 2, 0, 0, 0, ...Array.from({ length: room - 200 }, () => 1)];
}

function raw(type: number, ...pieces: readonly (readonly number[] | Uint8Array)[]): Uint8Array {
  return Uint8Array.from([type, ...pieces.flatMap((piece) => [...piece])]);
}

/** A map of so many entries, each of which `entry` writes. */
function wideMap(type: number, entries: number, entry: (i: number) => readonly number[]): Uint8Array {
  return raw(type, [0xde, entries >>> 8, entries & 255], ...Array.from({ length: entries }, (_, i) => entry(i)));
}

const shortKey = (i: number): readonly number[] => [
  0xa3,
  33 + (i % 90),
  33 + (Math.floor(i / 90) % 90),
  33 + Math.floor(i / 8_100),
  1,
];
const numberKey = (i: number): readonly number[] => {
  const digits = encodeUtf8(String(i * 65_536));
  return [0xa0 | digits.length, ...digits, 1];
};
const badKey = (i: number): readonly number[] => [0xa3, 0xff, 0x80 | (i & 0x3f), 0x80 | ((i >>> 6) & 0x3f), 1];
const arrays = (type: number, depth: number, count: number): Uint8Array =>
  raw(
    type,
    [0x81, 0xa1, 0x61, 0xdc, count >>> 8, count & 255],
    ...Array.from({ length: count }, () => [...new Uint8Array(depth).fill(0x91), 1]),
  );

const { ping, ackResp, suspect, alive, user, compound, nackResp } = messageType;

/** Each message type, at its worst. */
export const worstPackets: readonly WorstPacket[] = [
  {
    name: "255 compounds of empty parts in a compound",
    make: () => parts(() => raw(compound, [255], new Uint8Array(510))),
  },
  {
    name: "compounds in compounds in compounds",
    make: () => parts(() => makeCompound(Array.from({ length: 255 }, () => raw(compound, [4], new Uint8Array(8)))), 200),
  },
  { name: "255 empty parts", make: () => raw(compound, [255], new Uint8Array(510)) },
  { name: "255 parts of an unknown type", make: () => parts(() => Uint8Array.of(99)) },
  { name: "255 pings cut off", make: () => parts(() => Uint8Array.of(ping, 0x85)) },
  { name: "255 acks that are not msgpack", make: () => parts(() => Uint8Array.of(ackResp, 0xc1)) },
  { name: "255 suspects that are not msgpack", make: () => parts(() => Uint8Array.of(suspect, 0xc1)) },
  { name: "255 alives of a wrong type", make: () => parts(() => raw(alive, [0x81, 0xa4], encodeUtf8("Node"), [7])) },
  {
    name: "255 pings that name an address",
    make: (round) =>
      parts((i) =>
        encode.encodePing({ seqNo: round * 255 + i, node: "", sourceAddr: "10.7.7.7", sourcePort: 7946, sourceNode: "" }),
      ),
  },
  {
    name: "255 indirect pings",
    make: (round) =>
      parts((i) =>
        encode.encodeIndirectPing({
          seqNo: round * 255 + i,
          target: "10.7.7.7",
          port: 7946,
          node: longName(4_000, i),
          nack: true,
          sourceAddr: "10.7.7.8",
          sourcePort: 7946,
          sourceNode: "",
        }),
      ),
  },
  {
    name: "pings for others, names not UTF-8",
    make: () =>
      parts((i) =>
        encode.encodePing({ seqNo: 1, node: badName(4_000, i), sourceAddr: "10.7.7.7", sourcePort: 1, sourceNode: "" }),
      ),
  },
  { name: "a ping with a wide map", make: () => wideMap(ping, 13_000, shortKey) },
  { name: "a compressed ack with a wide map", make: () => compressMessage(wideMap(ackResp, 16_000, shortKey)) },
  { name: "a compressed ack with integer keys", make: () => compressMessage(wideMap(ackResp, 10_000, numberKey)) },
  { name: "a compressed ack with keys not UTF-8", make: () => compressMessage(wideMap(ackResp, 16_000, badKey)) },
  { name: "a compressed ack with nested arrays", make: () => compressMessage(arrays(ackResp, 14, 4_000)) },
  { name: "255 acks with wide maps", make: () => parts(() => wideMap(ackResp, 126, shortKey)) },
  { name: "255 acks with nested arrays", make: () => parts(() => arrays(ackResp, 14, 16)) },
  { name: "120 nacks with integer keys", make: () => parts(() => wideMap(nackResp, 126, numberKey), 120) },
  { name: "255 alives with wide maps", make: () => parts(() => wideMap(alive, 126, shortKey)) },
  {
    name: "255 alives of versions in a long array",
    make: (round) =>
      parts((i) =>
        raw(
          alive,
          [0x82, 0xa4],
          encodeUtf8("Node"),
          [0xa3],
          encodeUtf8(longName(3, round * 255 + i)),
          [0xa3],
          encodeUtf8("Vsn"),
          [0xdc, 0, 240],
          new Uint8Array(240).fill(1),
        ),
      ),
  },
  {
    name: "a new member with 1 MiB of versions",
    make: (round) => compressMessage(encode.encodeAlive({ ...aliveFields(`v${round}`), vsn: longVersions(1) })),
  },
  {
    name: "a member with 1 MiB of invalid versions",
    make: (round) => compressMessage(encode.encodeAlive({ ...aliveFields(`v${round}`), vsn: longVersions(0) })),
  },
  { name: "strings of 4 GiB announced", make: () => parts(() => raw(ackResp, [0x81, 0xdb, 0xff, 0xff, 0xff, 0xff])) },
  { name: "255 new members", make: (round) => parts((i) => aliveOf(`n${round * 255 + i}`, round * 255 + i)) },
  {
    name: "255 new members with long names",
    make: (round) => parts((i) => aliveOf(longName(3_400, round * 255 + i), round * 255 + i, new Uint8Array(512))),
  },
  {
    name: "255 new members, names not UTF-8",
    make: (round) => parts((i) => aliveOf(badName(4_000, round * 255 + i), round * 255 + i)),
  },
  {
    name: "255 new members, short names not UTF-8",
    make: (round) => parts((i) => aliveOf(badName(20, round * 255 + i), round * 255 + i)),
  },
  {
    name: "255 new members, integer names",
    make: (round) => parts((i) => aliveOf(String((round * 255 + i + 16_384) * 65_536), round * 255 + i)),
  },
  { name: "255 name conflicts", make: (round) => parts(() => aliveOf("friend", round + 1000)) },
  {
    name: "255 alives without an address",
    make: (round) =>
      parts((i) => encode.encodeAlive({ incarnation: 1, node: `bad${round * 255 + i}`, addr: "", port: 1, meta: none, vsn })),
  },
  {
    name: "255 updates of one member",
    make: (round) =>
      parts((i) =>
        encode.encodeAlive({
          incarnation: 2 + round * 255 + i,
          node: "n1",
          addr: "10.0.0.1",
          port: 7946,
          meta: new Uint8Array(512).fill(i),
          vsn,
        }),
      ),
  },
  {
    name: "255 suspicions of us",
    make: (round) => parts((i) => encode.encodeSuspect({ incarnation: round * 255 + i, node: "target", from: `a${i}` })),
  },
  {
    name: "255 suspicions of members",
    make: (round) =>
      parts((i) => encode.encodeSuspect({ incarnation: 1, node: `n${round * 255 + i}`, from: longName(2_000, i) })),
  },
  {
    name: "255 suspicions of nobody, names not UTF-8",
    make: (round) =>
      parts((i) => encode.encodeSuspect({ incarnation: 1, node: badName(2_000, round * 255 + i), from: badName(2_000, i) })),
  },
  {
    name: "255 deaths of members",
    make: (round) =>
      parts((i) => encode.encodeDead({ incarnation: 1, node: `n${round * 255 + i}`, from: `n${round * 255 + i}` })),
  },
  { name: "255 user messages", make: () => parts(() => raw(user, new Uint8Array(partRoom - 1))) },
  {
    name: "255 suspicions in long form",
    make: (round) => parts((i) => wideMap(suspect, 126, shortKey).fill(i + round, 500, 501)),
  },
  {
    name: "noise in LZW",
    make: (round) =>
      raw(
        messageType.compress,
        [0x82, 0xa4],
        encodeUtf8("Algo"),
        [0, 0xa3],
        encodeUtf8("Buf"),
        [0xda, 0xff, 0x00],
        Uint8Array.from({ length: 0xff00 }, (_, i) => (i * 2_654_435_761 + round) >>> 13),
      ),
  },
  { name: "1 MiB of zeros", make: () => compressMessage(raw(user, new Uint8Array(room))) },
  { name: "40 MiB of zeros", make: () => compressMessage(encode.encodeUser(new Uint8Array(40 * 1024 * 1024))) },
];

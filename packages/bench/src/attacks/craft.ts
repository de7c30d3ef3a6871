import { compoundMaxParts, messageType } from "../../../memberlist/src/wire/constants.ts";
import { compressMessage } from "../../../memberlist/src/wire/compression/compress.ts";
import { makeCompound } from "../../../memberlist/src/wire/compound.ts";
import { encodeAlive, encodePing } from "../../../memberlist/src/wire/messages/encode.ts";
import { encodeFrame, encodeHeader } from "../../../memberlist/src/stream-only/packet-frames.ts";
import { encodePushPull } from "../../../memberlist/src/wire/messages/push-pull.ts";

const none = new Uint8Array(0);
const plainVersions = [1, 5, 2, 0, 0, 0] as const;

/** Compounds of empty parts inside a compound, compressed: 254 times 255 parts in a packet of some 1,150 bytes. */
export function nestedCompound(): Uint8Array {
  const inside = makeCompound(Array.from({ length: compoundMaxParts }, () => none));
  return compressMessage(makeCompound(Array.from({ length: compoundMaxParts - 1 }, () => inside)));
}

/** 255 pings, each with `addr` as the place to answer to, compressed; and 85 such compounds in another. */
export function pingsNaming(addr: string, port: number, name: string): readonly Uint8Array[] {
  const ping = encodePing({ seqNo: 1, node: name, sourceAddr: addr, sourcePort: port, sourceNode: "x" });
  const compound = makeCompound(Array.from({ length: compoundMaxParts }, () => ping));
  return [compressMessage(compound), compressMessage(makeCompound(Array.from({ length: 85 }, () => compound)))];
}

/** A message with a map of `count` unknown keys. */
export function wideMap(type: number, count: number): Uint8Array {
  const bytes = new Uint8Array(4 + 2 * count);
  bytes.set([type, 0xde, count >>> 8, count & 255]);
  for (let i = 0; i < count; i++) bytes.set([0xa0, 0xc0], 4 + 2 * i);
  return bytes;
}

/**
 * 120 dead messages about names of 4,096 bytes, every second of which is not UTF-8, compressed: just under 1 MiB. Each round has other names, so that none is
 * known already.
 */
export function oddNames(round: number): Uint8Array {
  const from = messageWithNames(messageType.dead);
  const dead = (tag: number): Uint8Array => {
    const bytes = from.slice();
    const view = new DataView(bytes.buffer);
    // The last bytes of both names.
    view.setUint32(oddNameSize + 6, 0x80808080 | tag);
    view.setUint32(bytes.length - 4, 0xc0c0c0c0 | tag);
    return bytes;
  };
  return compressMessage(makeCompound(Array.from({ length: 120 }, (_, i) => dead(round * 120 + i))));
}

const oddNameSize = 4_096;

function messageWithNames(type: number): Uint8Array {
  const text = (value: string): number[] => [0xa0 + value.length, ...new TextEncoder().encode(value)];
  const name = [
    0xda,
    oddNameSize >>> 8,
    oddNameSize & 255,
    ...Array.from({ length: oddNameSize }, (_, i) => (i % 2 === 0 ? 0x61 : 0xff)),
  ];
  return Uint8Array.from([type, 0x83, ...text("From"), ...name, ...text("Incarnation"), 1, ...text("Node"), ...name]);
}

/** A stream of packets, as streamOnly's begins, with these packets again and again. @param link streams of one link end each other */
export function packetStream(packets: readonly Uint8Array[], count: number, link: number = 0): Uint8Array {
  const header = encodeHeader(7946, new Uint8Array(8).fill(link));
  return Buffer.concat([
    header,
    ...Array.from({ length: count }, (_, i) => encodeFrame(packets[i % packets.length] as Uint8Array)),
  ]);
}

/** A push/pull of `count` members whose names are 255 bytes that are not UTF-8. */
export function oddPushPull(count: number): Uint8Array {
  const name = "\udcff".repeat(250);
  const nodes = Array.from({ length: count }, (_, i) => ({
    name: name + String(i).padStart(5, "0"),
    addr: "127.9.9.9",
    port: 1 + (i & 0x7fff),
    meta: none,
    incarnation: 1,
    state: 0,
    vsn: plainVersions,
  }));
  return compressMessage(encodePushPull(false, nodes, none));
}

/** Alive messages of members that do not exist, each with its own name and `meta` of 512 bytes, one packet each five. */
export function madeUpMembers(from: number, count: number, meta: (index: number) => Uint8Array): Uint8Array {
  const parts = Array.from({ length: count }, (_, i) =>
    encodeAlive({
      incarnation: 1,
      node: `made-up-${from + i}`,
      addr: "127.9.9.9",
      port: 1 + ((from + i) & 0x7fff),
      meta: meta(from + i),
      vsn: plainVersions,
    }),
  );
  return makeCompound(parts);
}

/** A push/pull request: a header that announces no nodes and no state. */
export function emptyPushPull(): Uint8Array {
  return encodePushPull(false, [], none);
}

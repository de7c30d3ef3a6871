import * as fc from "fast-check";
import { makeCompound } from "../src/wire/compound.ts";
import { compressMessage } from "../src/wire/compression/compress.ts";
import * as encode from "../src/wire/messages/encode.ts";
import { encodePushPull, encodeUserStream } from "../src/wire/messages/push-pull.ts";
import { encodeUtf8 } from "../src/wire/utf8.ts";
import { collidingBytes } from "./colliding-bytes.ts";
import { worstPackets } from "./worst-packets.ts";

/** Two members, the attacker, and some who do not exist. */
const usualNames: fc.Arbitrary<string> = fc.constantFrom("target", "friend", "attacker", "nobody", "", "ü".repeat(200));
/** Bytes that are not UTF-8 stand in a name as lone surrogates. */
const oddNames: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom("\udcff", "\udc80ü", "a\udcc3", "\ud800"), fc.constantFrom(1, 60, 500, 4_096), fc.nat(99))
  .map(([piece, count, tag]) => piece.repeat(Math.ceil(count / piece.length)).slice(0, count) + String(tag));
const names: fc.Arbitrary<string> = fc.oneof({ weight: 8, arbitrary: usualNames }, { weight: 1, arbitrary: oddNames });
const hosts: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("10.0.0.1", "10.0.0.2", "10.9.9.9", "10.7.7.7") },
  { weight: 1, arbitrary: fc.constantFrom("::1", "0.0.0.0", "") },
);
const ports: fc.Arbitrary<number> = fc.constantFrom(0, 1, 7946, 65_535);
const u32: fc.Arbitrary<number> = fc.oneof(fc.constantFrom(0, 1, 2, 0x7fffffff, 0xfffffffe, 0xffffffff), fc.nat(0xffffffff));
const octets: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 80 });
/** Chosen for the compressor's hash, in pieces of a member's metadata. */
const colliding = collidingBytes(64 * 512);
const collidingMeta: fc.Arbitrary<Uint8Array> = fc.nat(63).map((i) => colliding.subarray(i * 512, (i + 1) * 512));
const meta: fc.Arbitrary<Uint8Array> = fc.oneof(
  octets,
  fc.constant(new Uint8Array(512)),
  fc.constant(new Uint8Array(513)),
  collidingMeta,
);
/** Mostly what is accepted: one that is not makes the whole state it is in be refused. */
const vsn: fc.Arbitrary<readonly number[]> = fc.oneof(
  { weight: 20, arbitrary: fc.constant([1, 5, 2, 0, 0, 0]) },
  { weight: 1, arbitrary: fc.array(fc.nat(255), { minLength: 6, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom(1, 1_000, 50_000).map((more) => [1, 5, 2, 0, 0, 0, ...new Uint8Array(more).fill(7)]) },
  { weight: 1, arbitrary: fc.constantFrom(1, 1_000, 50_000).map((more) => [0, 5, 2, 0, 0, 0, ...new Uint8Array(more).fill(7)]) },
);
const source = { sourceAddr: hosts, sourcePort: ports, sourceNode: names };

const state = fc.record({
  name: names,
  addr: hosts,
  port: ports,
  meta,
  incarnation: u32,
  state: fc.constantFrom(0, 1, 2, 3, 4, -1),
  vsn,
});
/** Many nodes of two short fields without a meaning: much work for few bytes. */
const tinyNodes = fc.tuple(fc.constantFrom(700, 5_000, 60_000), fc.boolean()).map(([count, join]) => {
  const head = encodePushPull(join, [], new Uint8Array(0));
  const node = Uint8Array.of(0x82, 0xa4, ...encodeUtf8("Name"), 0xa1, 0x61, 0xa5, ...encodeUtf8("State"), 9);
  const message = new Uint8Array(head.length + 2 + node.length * count);
  // A header of the same fields, of which the number of nodes takes three bytes.
  const at = 1 + 1 + 5 + 1 + 6;
  message.set(head.subarray(0, at));
  message.set([0xcd, count >>> 8, count & 255], at);
  message.set(head.subarray(at + 1), at + 3);
  for (let i = 0; i < count; i++) message.set(node, head.length + 2 + i * node.length);
  return message;
});
const pushPull = fc
  .tuple(fc.boolean(), fc.array(state, { maxLength: 6 }), octets)
  .map(([join, nodes, user]) => encodePushPull(join, nodes, user));
/** Many members in a state, all of them made up. */
const crowd = fc.tuple(fc.constantFrom(50, 700, 3_000), fc.boolean(), oddNames).map(([count, join, name]) =>
  encodePushPull(
    join,
    Array.from({ length: count }, (_, i) => ({
      name: `${name.slice(0, 200)}${i}`,
      addr: "10.8.8.8",
      port: 1 + i,
      meta: colliding.subarray((i & 63) * 512, (i & 63) * 512 + (count > 700 ? 20 : 512)),
      incarnation: 1,
      state: i & 3,
      vsn: [1, 5, 2, 0, 0, 0],
    })),
    new Uint8Array(0),
  ),
);
const ping = fc.record({ seqNo: u32, node: names, ...source }).map((one) => encode.encodePing(one));

/** A well-formed message with any values. */
const single: fc.Arbitrary<Uint8Array> = fc.oneof(
  ping,
  fc
    .record({ seqNo: u32, target: hosts, port: ports, node: names, nack: fc.boolean(), ...source })
    .map((one) => encode.encodeIndirectPing(one)),
  fc.record({ seqNo: u32, payload: octets }).map((one) => encode.encodeAckResp(one)),
  fc.record({ seqNo: u32 }).map((one) => encode.encodeNackResp(one)),
  fc.record({ incarnation: u32, node: names, from: names }).map((one) => encode.encodeSuspect(one)),
  fc.record({ incarnation: u32, node: names, from: names }).map((one) => encode.encodeDead(one)),
  fc.record({ incarnation: u32, node: names, addr: hosts, port: ports, meta, vsn }).map((one) => encode.encodeAlive(one)),
  octets.map((one) => encode.encodeUser(one)),
);

/** An alive message, mostly of a taken name, that an unknown field, or versions, fill up to what a packet may decompress to. */
const padded: fc.Arbitrary<Uint8Array> = fc
  .record({
    node: names,
    host: fc.constantFrom("10.0.0.1", "10.0.0.2", "10.9.9.9"),
    size: fc.constantFrom(60_000, 1_000_000),
    kept: fc.oneof(fc.constant(new Uint8Array(20).fill(1)), meta),
    isVersions: fc.boolean(),
    pMin: fc.constantFrom(0, 1),
  })
  .map(({ node, host, size, kept, isVersions, pMin }) => {
    const alive = { incarnation: 9, node, addr: host, port: 7946, meta: kept };
    const versions = [pMin, 5, 2, 0, 0, 0];
    if (isVersions) return compressMessage(encode.encodeAlive({ ...alive, vsn: [...versions, ...new Uint8Array(size)] }));
    const message = encode.encodeAlive({ ...alive, vsn: versions });
    const field = [0xa1, 0x7a, 0xdb, size >>> 24, size >>> 16, size >>> 8, size];
    const whole = new Uint8Array(message.length + field.length + size);
    whole.set(message);
    whole.set(field, message.length);
    whole[1] = 0x87;
    return compressMessage(whole);
  });

/** A map of many unknown keys, in a message of any type. */
const wide: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.nat(12),
    fc.constantFrom(100, 5_000, 30_000),
    fc.constantFrom<readonly number[]>([0xa0, 0xc0], [0xa1, 0xff, 1], [0x91, 0x91]),
  )
  .map(([type, count, entry]) => {
    const bytes = new Uint8Array(4 + count * entry.length);
    bytes.set([type, 0xde, count >>> 8, count & 255]);
    for (let i = 0; i < count; i++) bytes.set(entry, 4 + i * entry.length);
    return bytes;
  });

/** Compounds of the same part again and again, of compounds, and compressed ones, as deep as they fit. */
const nested: fc.Arbitrary<Uint8Array> = fc
  .tuple(single, fc.array(fc.tuple(fc.constantFrom(1, 4, 60, 255), fc.boolean()), { minLength: 1, maxLength: 3 }))
  .map(([one, layers]) => {
    let message = one;
    for (const [count, isCompressed] of layers) {
      if (message.length <= 65_535 && message.length * count < 1_500_000)
        message = makeCompound(Array.from({ length: count }, () => message));
      if (isCompressed) message = compressMessage(message);
    }
    return message;
  });

const packed: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: single },
  { weight: 2, arbitrary: fc.array(single, { minLength: 1, maxLength: 8 }).map((parts) => makeCompound(parts)) },
  { weight: 1, arbitrary: single.map((one) => compressMessage(one)) },
  { weight: 1, arbitrary: nested },
  { weight: 1, arbitrary: wide },
  { weight: 2, arbitrary: padded },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...worstPackets), fc.nat(50)).map(([{ make }, round]) => make(round)) },
  { weight: 1, arbitrary: fc.nat(3_000_000).map((size) => compressMessage(encode.encodeUser(new Uint8Array(size)))) },
);

const streamed: fc.Arbitrary<Uint8Array> = fc.oneof(
  pushPull,
  pushPull.map((one) => compressMessage(one)),
  crowd,
  crowd.map((one) => compressMessage(one)),
  tinyNodes,
  tinyNodes.map((one) => compressMessage(one)),
  wide.map((one) => compressMessage(one)),
  fc.nat(900_000).map((size) => compressMessage(encodeUserStream(new Uint8Array(size)))),
  octets.map((one) => encodeUserStream(one)),
  ping,
  octets.map((one) => encode.encodeErrResp({ error: String(one) })),
);

type Change = readonly [where: number, value: number, kind: number];

/** Some bytes changed, put in, taken out, or cut off. */
function bend(bytes: Uint8Array, changes: readonly Change[]): Uint8Array {
  let bent = [...bytes.subarray(0, 20_000)];
  for (const [where, value, kind] of changes) {
    const at = where % (bent.length + 1);
    if (kind === 3) bent = bent.slice(0, at);
    else bent.splice(at, kind === 0 ? 0 : 1, ...(kind === 2 ? [] : [value]));
  }
  return Uint8Array.from(bent);
}

const changes: fc.Arbitrary<Change[]> = fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { minLength: 1, maxLength: 4 });

function bentOr(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 3, arbitrary: good },
    { weight: 3, arbitrary: fc.tuple(good, changes).map(([bytes, how]) => bend(bytes, how)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  );
}

/** How far the attacker wraps what it sends: as a member does, and then bent or not. */
export interface Wrap {
  readonly encrypted: boolean;
  readonly labelled: boolean;
  readonly crc: boolean;
  readonly bend: readonly Change[];
}

const wrap: fc.Arbitrary<Wrap> = fc.record({
  encrypted: fc.boolean(),
  labelled: fc.boolean(),
  crc: fc.boolean(),
  bend: fc.oneof({ weight: 3, arbitrary: fc.constant<Change[]>([]) }, { weight: 1, arbitrary: changes }),
});

export type Step =
  | { readonly kind: "packet"; readonly message: Uint8Array; readonly wrap: Wrap }
  | {
      readonly kind: "stream";
      readonly message: Uint8Array;
      readonly wrap: Wrap;
      /** In how many pieces it comes, a ms apart. */
      readonly pieces: number;
      /** On how many streams at once. */
      readonly copies: number;
      readonly end: "finish" | "close" | "leave";
    }
  /** A stream of packets, as `streamOnly` sends them, with these in turn, so many in all. */
  | {
      readonly kind: "packetStream";
      readonly packets: readonly { readonly message: Uint8Array; readonly wrap: Wrap }[];
      readonly count: number;
      /** Of the stream as a whole. */
      readonly bend: readonly Change[];
      readonly end: "finish" | "close" | "leave";
    }
  /** A packet that one of the members sent to the other comes once more, from the attacker. */
  | { readonly kind: "replay"; readonly which: number }
  | { readonly kind: "wait"; readonly ms: number };

export interface Case {
  /** Whether the members send packets over streams. */
  readonly streamOnly: boolean;
  readonly encrypted: boolean;
  /** Whether the attacker has the key of an encrypted cluster. */
  readonly insider: boolean;
  readonly label: string;
  readonly compress: boolean;
  readonly protocolVersion: number;
  /** Whether the members have an alive and a conflict delegate. */
  readonly delegates: boolean;
  readonly steps: readonly Step[];
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("packet" as const), message: bentOr(packed), wrap }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("stream" as const),
      message: bentOr(streamed),
      wrap,
      pieces: fc.integer({ min: 1, max: 4 }),
      copies: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constantFrom(5, 60) }),
      end: fc.constantFrom("finish" as const, "close" as const, "leave" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("packetStream" as const),
      packets: fc.array(fc.record({ message: bentOr(single), wrap }), { minLength: 1, maxLength: 6 }),
      count: fc.constantFrom(1, 10, 500, 5_000),
      bend: fc.oneof({ weight: 3, arbitrary: fc.constant<Change[]>([]) }, { weight: 1, arbitrary: changes }),
      end: fc.constantFrom("finish" as const, "close" as const, "leave" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("replay" as const), which: fc.nat(1_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(3_000) }) },
);

/** One attack. It decides the whole run, because the nodes' own randomness is always the same. */
export const attacks: fc.Arbitrary<Case> = fc.record({
  streamOnly: fc.boolean(),
  encrypted: fc.boolean(),
  insider: fc.boolean(),
  label: fc.constantFrom("", "blue"),
  compress: fc.boolean(),
  protocolVersion: fc.constantFrom(1, 2, 5),
  delegates: fc.boolean(),
  steps: fc.array(step, { minLength: 1, maxLength: 25 }),
});

export { bend };

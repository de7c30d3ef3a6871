import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../../src/testing/seeded-random.ts";
import { makeCompound } from "../../src/wire/compound.ts";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import {
  encodeAckResp,
  encodeDead,
  encodeIndirectPing,
  encodePing,
  encodeSuspect,
  encodeUser,
} from "../../src/wire/messages/encode.ts";
import { encodeUserStream } from "../../src/wire/messages/push-pull.ts";
import { bytes, clusters, codes, names, text, type Cluster, type TestNode, itOnEventLoop } from "./cluster.ts";
import { aliveMessage, concat, labelled, RawPeer, stateMessage } from "./raw-peer.ts";

const cluster = clusters();

/** One of each message that a packet may hold. */
const messages: readonly Uint8Array[] = [
  encodePing({ seqNo: 1, node: "node-0", sourceAddr: "10.9.9.9", sourcePort: 7946, sourceNode: "peer" }),
  encodeIndirectPing({
    seqNo: 2,
    target: "10.9.9.9",
    port: 7946,
    node: "peer",
    nack: true,
    sourceAddr: "10.9.9.9",
    sourcePort: 7946,
    sourceNode: "peer",
  }),
  encodeAckResp({ seqNo: 3, payload: bytes("payload") }),
  encodeSuspect({ incarnation: 0, node: "node-1", from: "peer" }),
  aliveMessage("peer", "10.9.9.9", { meta: bytes("meta") }),
  encodeDead({ incarnation: 0, node: "node-1", from: "peer" }),
  encodeUser(bytes("message")),
];
const packets: readonly Uint8Array[] = [
  ...messages,
  makeCompound(messages),
  compressMessage(makeCompound(messages)),
  compressMessage(encodeUser(new Uint8Array(5_000))),
  labelled(encodeUser(bytes("x")), "label"),
];
const streams: readonly Uint8Array[] = [
  stateMessage("peer", "10.9.9.9", true, bytes("state")),
  encodeUserStream(bytes("message")),
  compressMessage(stateMessage("peer", "10.9.9.9", false)),
  messages[0] as Uint8Array,
  concat(Uint8Array.of(13, 0x81, 0xa5), bytes("Error"), Uint8Array.of(0xa1, 65)),
];

/** The node still works: it answers. */
async function expectAlive(one: Cluster, node: TestNode): Promise<void> {
  const friend = await one.start({ name: `friend-${one.nodes.length}` });
  expect(await one.settle(friend.members.ping(node.seed))).toBe(2);
  expect(node.members.localNode().state).toBe("alive");
  expect(codes(node)).not.toContain("internal_error");
  await friend.members.shutdown();
}

/** The node lets others join. (As in Go, a forged member of an incompatible version would keep them out.) */
async function expectHealthy(one: Cluster, node: TestNode): Promise<void> {
  await expectAlive(one, node);
  const friend = await one.start({ name: `friend-${one.nodes.length}` });
  expect((await one.settle(friend.members.join([node.seed]))).reached).toBe(1);
  await friend.members.shutdown();
}

/** A message with bytes changed, removed or appended. */
const mangled = (originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc
    .record({
      original: fc.constantFrom(...originals),
      changes: fc.array(fc.tuple(fc.nat(300), fc.nat(255)), { maxLength: 4 }),
      cut: fc.option(fc.nat(300)),
      tail: fc.uint8Array({ maxLength: 8 }),
    })
    .map(({ original, changes, cut, tail }) => {
      const copy = original.slice();
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return concat(cut === null ? copy : copy.subarray(0, cut % copy.length), tail);
    });

const anything = (originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc.oneof({ weight: 3, arbitrary: mangled(originals) }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });

describe("a node that receives bad packets", () => {
  itOnEventLoop("drops and counts truncated packets, and handles their complete messages", async () => {
    const one = cluster();
    const [node] = (await one.joined(1)) as [TestNode];
    const peer = new RawPeer(one);
    let sent = 0;
    for (const message of messages.slice(0, 6)) {
      for (let length = 1; length < message.length; length++) {
        peer.send(message.subarray(0, length), node);
        sent++;
      }
      await one.advance(10);
    }
    const counters = node.members.counters();
    const dropped = Object.entries(counters).filter(([name]) => name.startsWith("dropped."));
    expect(dropped.reduce((sum, [, value]) => sum + value, 0)).toBe(sent);
    expect(names(node)).toEqual(["node-0"]);
    await expectHealthy(one, node);
  });

  it("drops and counts packets of every unknown type", async () => {
    const one = cluster();
    const node = await one.start();
    const peer = new RawPeer(one);
    const known = new Set([0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 244]);
    const unknown = Array.from({ length: 256 }, (_, type) => type).filter((type) => !known.has(type));
    for (const type of unknown) peer.send(Uint8Array.of(type, 0x80), node);
    peer.send(Uint8Array.of(12), node);
    await one.advance(10);
    expect(node.members.counters()).toEqual({ "dropped.unknown_type": unknown.length + 1 });
  });

  it("drops messages with fields of the wrong type, but not their neighbours in a compound", async () => {
    const one = cluster();
    const received: string[] = [];
    const node = await one.start({ delegate: { notifyMsg: (message) => void received.push(new TextDecoder().decode(message)) } });
    const peer = new RawPeer(one);
    // Node is a number, SeqNo a string, the body an array, the body empty.
    const wrong = [
      Uint8Array.of(0, 0x81, 0xa4, ...bytes("Node"), 7),
      Uint8Array.of(2, 0x81, 0xa5, ...bytes("SeqNo"), 0xa1, 65),
      Uint8Array.of(4, 0x91, 1),
      Uint8Array.of(5),
    ];
    peer.send(makeCompound([encodeUser(bytes("before")), ...wrong, encodeUser(bytes("after"))]), node);
    await one.advance(10);
    expect(received).toEqual(["before", "after"]);
    const counters = node.members.counters();
    expect(Object.values(counters).reduce((sum, value) => sum + value, 0)).toBe(wrong.length);
  });

  it("reads packets of 65,507 bytes, and drops packets that decompress to too many bytes", async () => {
    const one = cluster();
    const sizes: number[] = [];
    const node = await one.start({ delegate: { notifyMsg: (message) => void sizes.push(message.length) } });
    const peer = new RawPeer(one);
    peer.send(encodeUser(new Uint8Array(65_506)), node);
    await one.advance(10);
    expect(sizes).toEqual([65_506]);
    // Zeros compress by a factor of 700: 40 MiB of them fit a packet.
    peer.send(compressMessage(encodeUser(new Uint8Array(42 * 1024 * 1024))), node);
    await one.advance(10);
    expect(sizes).toEqual([65_506]);
    expect(Object.values(node.members.counters())).toEqual([1]);
    await expectHealthy(one, node);
  });

  it("refuses packets that nest more than one compound in one compressed message", async () => {
    const one = cluster();
    const sizes: number[] = [];
    const node = await one.start({ delegate: { notifyMsg: (message) => void sizes.push(message.length) } });
    const peer = new RawPeer(one);
    let nested = encodeUser(bytes("deep"));
    for (let depth = 0; depth < 20; depth++) nested = depth % 2 === 0 ? makeCompound([nested]) : compressMessage(nested);
    peer.send(nested, node);
    await one.advance(10);
    expect(sizes).toEqual([]);
    expect(node.members.counters()).toEqual({ "dropped.nested_compress": 1 });
  });

  it("logs a flood at a bounded rate, and counts all of it", async () => {
    const one = cluster();
    const node = await one.start();
    const peer = new RawPeer(one);
    for (let second = 0; second < 5; second++) {
      for (let i = 0; i < 500; i++) peer.send(Uint8Array.of(99), node);
      await one.advance(1_000);
    }
    expect(node.members.counters()).toEqual({ "dropped.unknown_type": 2_500 });
    const lines = node.log.filter(({ fields }) => fields.code === "message_dropped");
    expect(lines.length).toBeGreaterThanOrEqual(10);
    expect(lines.length).toBeLessThanOrEqual(10 + 5);
    expect(lines.reduce((sum, { fields }) => sum + Number(fields["suppressed"] ?? 0), 0)).toBeGreaterThan(1_900);
    await expectHealthy(one, node);
  });

  it("survives packets of random bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anything(packets), { minLength: 10, maxLength: 40 }), async (all) => {
        const one = cluster();
        const [node] = (await one.joined(2, { gossipToTheDeadTime: 1_000 })) as [TestNode];
        const peer = new RawPeer(one);
        for (const packet of all) peer.send(packet, node);
        await one.advance(2_000);
        expect(node.members.localNode().state).toBe("alive");
        await expectAlive(one, node);
      }),
      { numRuns: 60 },
    );
  });
});

describe("a node that receives bad streams", () => {
  it("drops truncated streams and changes no state", async () => {
    const one = cluster();
    const node = await one.start({ tcpTimeout: 1_000 });
    const peer = new RawPeer(one);
    let sent = 0;
    for (const message of streams.slice(0, 3)) {
      for (let length = 1; length < message.length; length += 3) {
        const stream = await peer.dial(node);
        await stream.write(message.subarray(0, length));
        if (length % 2 === 0) await stream.finish();
        else stream.close();
        sent++;
      }
    }
    await one.advance(2_000);
    expect(names(node)).toEqual(["node-0"]);
    const counters = Object.entries(node.members.counters());
    expect(counters.every(([name]) => name.startsWith("stream_dropped."))).toBe(true);
    expect(counters.reduce((sum, [, value]) => sum + value, 0)).toBe(sent);
    await expectHealthy(one, node);
  });

  itOnEventLoop("drops streams whose message type is not for streams", async () => {
    const one = cluster();
    const node = await one.start();
    const peer = new RawPeer(one);
    for (const type of [1, 2, 3, 4, 5, 7, 11, 12, 13, 99, 255]) {
      const stream = await peer.dial(node);
      await stream.write(Uint8Array.of(type, 0x80));
    }
    await one.advance(10);
    expect(node.members.counters()).toEqual({ "stream_dropped.unknown_type": 11 });
    await expectHealthy(one, node);
  });

  it("survives streams of random bytes, and keeps none open", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(anything(streams), fc.boolean()), { minLength: 1, maxLength: 10 }), async (all) => {
        const one = cluster();
        const node = await one.start({ tcpTimeout: 1_000, label: "" });
        const peer = new RawPeer(one);
        const ends: Promise<unknown>[] = [];
        for (const [message, finish] of all) {
          const stream = await peer.dial(node);
          const writing = finish ? stream.write(message).then(() => stream.finish()) : stream.write(message);
          ends.push(
            writing.catch(() => undefined),
            stream.rest(),
          );
        }
        const before = one.clock.now();
        await one.settle(Promise.all(ends));
        expect(one.clock.now() - before).toBeLessThan(1_100);
        await expectAlive(one, node);
      }),
      { numRuns: 60 },
    );
  });

  it("delivers later messages after the application's code has thrown", async () => {
    const one = cluster();
    const heard: string[] = [];
    const random = new SeededRandom(1);
    let isBroken = false;
    const next = (): number => {
      if (isBroken) throw new Error("no randomness");
      return random.next();
    };
    const delegate = { notifyMsg: (message: Uint8Array) => void heard.push(text(message)) };
    const timers = { probeInterval: 0, gossipInterval: 0, pushPullInterval: 0 };
    const node = await one.start({ delegate, random: { next }, ...timers });
    const peer = new RawPeer(one);
    isBroken = true;
    peer.send(aliveMessage("new", "10.9.9.9"), node);
    await expect(one.advance(100)).rejects.toThrow("no randomness");
    isBroken = false;
    peer.send(encodeUser(bytes("after")), node);
    await one.advance(100);
    expect(heard).toEqual(["after"]);
  });
});

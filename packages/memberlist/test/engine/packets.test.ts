import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCompound } from "../../src/wire/compound.ts";
import { compressMessage } from "../../src/wire/compress.ts";
import { maxDecompressedPacketBytes, maxNestingDepth } from "../../src/wire/constants.ts";
import { encodeUser } from "../../src/wire/encode.ts";
import { openPacket } from "../../src/wire/packet.ts";
import { reasonOf } from "../wire/reason.ts";
import { EngineHarness, stranger } from "./engine-harness.ts";
import { ack, alive, dead, encodeMessage, indirectPing, ping, suspect, type Message } from "./messages.ts";

function started(): EngineHarness {
  const node = new EngineHarness().start();
  node.takeBroadcasts();
  node.takeEvents();
  return node;
}

function messagesHeard(node: EngineHarness): Uint8Array[] {
  return node.takeEvents().flatMap((event) => (event.type === "message" ? [event.message] : []));
}

const hello: Uint8Array = Uint8Array.of(104, 101, 108, 108, 111);

describe("a packet without a message", () => {
  it("is dropped and counted, and its type said to be missing [HandleCommand]", () => {
    const node = started();
    node.deliver(new Uint8Array(0));
    expect(node.count("dropped.empty")).toBe(1);
    expect(node.logged("bad_message")[0]?.message).toContain("type is missing");
    node.deliver(makeCompound([new Uint8Array(0), encodeUser(hello)]));
    expect(node.count("dropped.empty")).toBe(2);
    expect(messagesHeard(node)).toEqual([hello]);
  });

  it("does not even get to the engine: the layers refuse it [IngestPacket_ExportedFunc_EmptyMessage]", () => {
    const options = { label: new Uint8Array(0), skipInboundLabelCheck: false };
    expect(reasonOf(() => openPacket(new Uint8Array(0), options))).toBe("empty");
    expect(reasonOf(() => openPacket(Uint8Array.of(244, 1, 97), { ...options, label: Uint8Array.of(97) }))).toBe("empty");
  });
});

describe("a packet", () => {
  it("with a user message is handed on as it is", () => {
    const node = started();
    node.deliver(encodeUser(hello));
    node.deliver(encodeUser(new Uint8Array(0)));
    expect(messagesHeard(node)).toEqual([hello, new Uint8Array(0)]);
  });

  it("may be compressed, and a compound within", () => {
    const node = started();
    const inner = makeCompound([encodeUser(hello), compressMessage(encodeUser(hello)), encodeMessage(ping())]);
    node.deliver(compressMessage(inner));
    expect(messagesHeard(node)).toEqual([hello, hello]);
    expect(node.sentOf("ack")).toHaveLength(1);
  });

  it("with one bad part still delivers the others", () => {
    const node = started();
    node.deliver(makeCompound([encodeUser(hello), Uint8Array.of(4, 0xff), Uint8Array.of(77), encodeMessage(ping())]));
    expect(messagesHeard(node)).toEqual([hello]);
    expect(node.sentOf("ack")).toHaveLength(1);
    // The bad alive message only shows when it is handled.
    expect(node.logged("bad_message")).toHaveLength(2);
    expect(node.count("dropped.unknown_type")).toBe(1);
  });

  it("that was cut off delivers its whole parts, and counts the rest", () => {
    const node = started();
    const whole = makeCompound([encodeUser(hello), encodeUser(hello), encodeUser(hello)]);
    node.deliver(whole.subarray(0, whole.length - 7));
    expect(messagesHeard(node)).toEqual([hello]);
    expect(node.count("dropped.truncated")).toBe(1);
    expect(node.logged("bad_message")[0]?.message).toContain("2 messages");
  });

  it("of a type that belongs on a stream, or to nobody, is dropped", () => {
    const node = started();
    for (const type of [6, 10, 12, 13, 14, 99, 243, 244, 255]) node.deliver(Uint8Array.of(type, 0x80));
    expect(node.count("dropped.unknown_type")).toBe(9);
  });

  it("nested deeper than the limit is dropped, one at the limit is not", () => {
    const nest = (depth: number, wrap: (message: Uint8Array) => Uint8Array): Uint8Array => {
      let message = encodeUser(hello);
      for (let i = 0; i < depth; i++) message = wrap(message);
      return message;
    };
    for (const wrap of [compressMessage, (message: Uint8Array) => makeCompound([message])]) {
      const node = started();
      node.deliver(nest(maxNestingDepth, wrap));
      expect(messagesHeard(node)).toEqual([hello]);
      node.deliver(nest(maxNestingDepth + 1, wrap));
      expect(messagesHeard(node)).toEqual([]);
      expect(node.count("dropped.too_deep")).toBe(1);
    }
  });
});

describe("decompression", () => {
  /** 17 MiB of zeros, as one user message. */
  const bomb = compressMessage(encodeUser(new Uint8Array(400 * 1024)));

  it("of all parts of one packet together stays within the limit, and the next packet starts afresh", () => {
    expect(bomb.length).toBeLessThan(20_000);
    expect(3 * 400 * 1024).toBeGreaterThan(maxDecompressedPacketBytes);
    const node = started();
    const packet = makeCompound([bomb, bomb, bomb, encodeUser(hello)]);
    node.deliver(packet);
    expect(messagesHeard(node).map(({ length }) => length)).toEqual([400 * 1024, 400 * 1024, 5]);
    expect(node.count("dropped.too_large")).toBe(1);
    node.deliver(bomb);
    expect(messagesHeard(node)).toHaveLength(1);
  });

  it("of a bomb within a bomb is stopped by the same limit", () => {
    const node = started();
    const level1 = compressMessage(makeCompound([bomb, bomb, bomb]));
    node.deliver(makeCompound([level1]));
    expect(messagesHeard(node).length).toBeLessThan(3);
    expect(node.count("dropped.too_large")).toBe(1);
  });
});

describe("whatever a peer sends", () => {
  const valid: readonly Message[] = [
    ping({ node: "n1", sourceAddr: "127.0.0.2", sourcePort: 7946, sourceNode: "n2" }),
    indirectPing({ nack: true }),
    ack(1, hello),
    { kind: "nack", seqNo: 1 },
    alive("n2", { meta: hello }),
    suspect("n1", 5),
    suspect("n2"),
    dead("n2"),
    { kind: "user", bytes: hello },
  ];
  const encoded = fc.constantFrom(...valid).map((message) => encodeMessage(message));
  const mutated = fc
    .tuple(encoded, fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }), fc.nat(80))
    .map(([message, edits, cut]) => {
      const copy = message.slice(0, Math.max(message.length - (cut % 9), 1));
      for (const [at, value] of edits) copy[at % copy.length] = value;
      return copy;
    });
  const leaf = fc.oneof(encoded, mutated, fc.uint8Array({ maxLength: 100 }));
  const packet = fc.oneof(
    leaf,
    leaf.map((message) => compressMessage(message)),
    fc.array(leaf, { maxLength: 6 }).map((parts) => makeCompound(parts)),
    fc.array(leaf, { maxLength: 6 }).map((parts) => compressMessage(makeCompound(parts))),
    fc.uint8Array({ maxLength: 200 }).map((body) => Uint8Array.of(7, ...body)),
    fc.uint8Array({ maxLength: 200 }).map((body) => Uint8Array.of(9, ...body)),
  );

  it("never makes the engine throw, and what is dropped is counted and logged", () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 30 }), (packets) => {
        const node = started();
        for (const bytes of packets) {
          node.deliver(bytes, stranger);
          node.advance(20);
        }
        node.advance(5000);
        expect(node.engine.localNode).toMatchObject({ name: "n1", state: "alive" });
        const counted = [...node.counters]
          .filter(([name]) => name.startsWith("dropped."))
          .reduce((sum, [, count]) => sum + count, 0);
        const logged = node.logs.filter(({ level }) => level === "warn").length;
        expect(logged).toBeGreaterThanOrEqual(counted);
      }),
      { numRuns: 300 },
    );
  });

  it("is dropped for a reason that has a name", () => {
    const node = started();
    node.deliver(Uint8Array.of(0));
    node.deliver(Uint8Array.of(4, 0x81, 0xa4, 78, 111, 100, 101, 7));
    node.deliver(Uint8Array.of(9, 0x80));
    node.deliver(Uint8Array.of(7));
    const reasons = [...node.counters.keys()].filter((name) => name.startsWith("dropped."));
    expect(reasons.length).toBeGreaterThanOrEqual(3);
    expect(node.count("dropped.truncated")).toBeGreaterThanOrEqual(2);
    expect(node.count("dropped.wrong_type")).toBe(1);
  });
});

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeCompound } from "../../src/wire/compound.ts";
import { compressMessage } from "../../src/wire/compression/compress.ts";
import { maxBadPartsPerPacket, maxDecompressedPacketBytes, maxRepliesPerPacket } from "../../src/wire/input-limits.ts";
import { encodeUser } from "../../src/wire/messages/encode.ts";
import { decodePacket } from "../../src/wire/packet.ts";
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
  it("counts as dropped, and appears in the log as missing its type [HandleCommand]", () => {
    const node = started();
    node.deliver(new Uint8Array(0));
    expect(node.count("dropped.empty")).toBe(1);
    expect(node.logged("message_dropped")[0]?.message).toContain("type is missing");
    node.deliver(makeCompound([new Uint8Array(0), encodeUser(hello)]));
    expect(node.count("dropped.empty")).toBe(2);
    expect(messagesHeard(node)).toEqual([hello]);
  });

  it("does not reach the engine: the layers refuse it [IngestPacket_ExportedFunc_EmptyMessage]", () => {
    const options = { label: new Uint8Array(0), skipInboundLabelCheck: false };
    expect(reasonOf(() => decodePacket(new Uint8Array(0), options))).toBe("empty");
    expect(reasonOf(() => decodePacket(Uint8Array.of(244, 1, 97), { ...options, label: Uint8Array.of(97) }))).toBe("empty");
  });
});

describe("a packet", () => {
  it("passes a user message on unchanged", () => {
    const node = started();
    node.deliver(encodeUser(hello));
    node.deliver(encodeUser(new Uint8Array(0)));
    expect(messagesHeard(node)).toEqual([hello, new Uint8Array(0)]);
  });

  it("works compressed and with a compound inside", () => {
    const node = started();
    const inner = makeCompound([encodeUser(hello), encodeMessage(ping())]);
    node.deliver(compressMessage(inner));
    expect(messagesHeard(node)).toEqual([hello]);
    expect(node.sentOf("ack")).toHaveLength(1);
  });

  it("delivers the valid parts beside a bad one", () => {
    const node = started();
    node.deliver(makeCompound([encodeUser(hello), Uint8Array.of(4, 0xff), Uint8Array.of(77), encodeMessage(ping())]));
    expect(messagesHeard(node)).toEqual([hello]);
    expect(node.sentOf("ack")).toHaveLength(1);
    // The bad alive message only shows when it is handled.
    expect(node.logged("message_dropped")).toHaveLength(2);
    expect(node.count("dropped.unknown_type")).toBe(1);
  });

  it("delivers its whole parts if it was cut off, and counts the rest", () => {
    const node = started();
    const whole = makeCompound([encodeUser(hello), encodeUser(hello), encodeUser(hello)]);
    node.deliver(whole.subarray(0, whole.length - 7));
    expect(messagesHeard(node)).toEqual([hello]);
    expect(node.count("dropped.truncated")).toBe(1);
    expect(node.logged("message_dropped")[0]?.message).toContain("2 messages");
  });

  it("counts as dropped if its type is unknown or belongs on a stream", () => {
    const node = started();
    for (const type of [6, 10, 12, 13, 14, 99, 243, 244, 255]) node.deliver(Uint8Array.of(type, 0x80));
    expect(node.count("dropped.unknown_type")).toBe(9);
  });

  it("accepts one compressed compound, and rejects a compound nested in a compound", () => {
    const node = started();
    const inner = makeCompound([encodeUser(hello)]);
    for (const packet of [inner, compressMessage(inner), compressMessage(encodeUser(hello))]) node.deliver(packet);
    expect(messagesHeard(node)).toEqual([hello, hello, hello]);
    node.deliver(makeCompound([encodeUser(hello), inner, inner]));
    node.deliver(compressMessage(makeCompound([inner])));
    expect(messagesHeard(node)).toEqual([hello]);
    expect(node.count("dropped.nested_compound")).toBe(3);
  });

  it("rejects a compressed message nested in another or in a compound, without decompressing it", () => {
    const node = started();
    const compressed = compressMessage(encodeUser(hello));
    node.deliver(compressMessage(compressed));
    node.deliver(makeCompound([encodeUser(hello), compressed]));
    expect(messagesHeard(node)).toEqual([hello]);
    expect(node.count("dropped.nested_compress")).toBe(2);
  });
});

describe("the work of one packet", () => {
  /** A packet of a few hundred bytes with 65,025 empty parts: 255 compounds of 255 in a compound. */
  const manyEmptyParts = compressMessage(
    makeCompound(Array.from({ length: 255 }, () => Uint8Array.of(7, 255, ...new Uint8Array(510)))),
  );

  it("stays within 255 parts, however compounds are nested, and logs one line", () => {
    const node = started();
    expect(manyEmptyParts.length).toBeLessThan(2_000);
    node.deliver(manyEmptyParts);
    expect(node.count("dropped.nested_compound")).toBe(255);
    expect(node.count("dropped.empty")).toBe(0);
    expect(node.logged("message_dropped")).toMatchObject([{ fields: { reason: "nested_compound", count: 255 } }]);
  });

  it("counts bad parts by reason, and logs them in one line", () => {
    const node = started();
    const empty = new Uint8Array(0);
    node.deliver(makeCompound([empty, Uint8Array.of(99), empty, Uint8Array.of(77), Uint8Array.of(0, 0xc1), empty]));
    expect(node.count("dropped.empty")).toBe(3);
    expect(node.count("dropped.unknown_type")).toBe(2);
    expect(node.count("dropped.malformed")).toBe(1);
    expect(node.logged("message_dropped")).toMatchObject([{ fields: { reason: "empty", count: 6 } }]);
  });

  it("ends after a few undecodable parts, and counts the rest of the compound as dropped", () => {
    const node = started();
    const bad = Array.from({ length: maxBadPartsPerPacket }, () => Uint8Array.of(2, 0xc1));
    node.deliver(makeCompound([...bad.slice(1), encodeUser(hello), Uint8Array.of(99)]));
    expect(messagesHeard(node)).toEqual([hello]);
    node.deliver(makeCompound([...bad, encodeUser(hello), ...bad]));
    expect(messagesHeard(node)).toEqual([]);
    expect(node.count("dropped.malformed")).toBe(2 * maxBadPartsPerPacket - 1);
    expect(node.count("dropped.too_many_bad_parts")).toBe(1 + maxBadPartsPerPacket);
    // The next packet starts afresh.
    node.deliver(makeCompound([encodeUser(hello)]));
    expect(messagesHeard(node)).toEqual([hello]);
  });

  it("stays within a few replies, for any reply addresses in the packet", () => {
    const node = started();
    const victim = { sourceAddr: "10.7.7.7", sourcePort: 80 };
    const pings = Array.from({ length: 200 }, (_, seqNo) => encodeMessage(ping({ ...victim, seqNo })));
    node.deliver(makeCompound(pings));
    expect(node.sentOf("ack")).toHaveLength(maxRepliesPerPacket);
    expect(node.count("dropped.too_many_replies")).toBe(200 - maxRepliesPerPacket);
    expect(node.logged("message_dropped")).toHaveLength(1);
    node.takeSent();
    const requests = Array.from({ length: 10 }, (_, seqNo) => encodeMessage(indirectPing({ ...victim, seqNo, nack: true })));
    node.deliver(makeCompound([...pings.slice(0, 2), ...requests]));
    node.advance(node.config.probeTimeout);
    const toVictim = node.sent.filter(({ to }) => to.host === victim.sourceAddr);
    expect(toVictim).toHaveLength(maxRepliesPerPacket);
    expect(node.sentOf("ping")).toHaveLength(maxRepliesPerPacket - 2);
  });
});

describe("decompression", () => {
  it("stays within the limit for one packet, and starts afresh with the next", () => {
    const node = started();
    const size = maxDecompressedPacketBytes;
    const bomb = compressMessage(encodeUser(new Uint8Array(size)));
    expect(bomb.length).toBeLessThan(20_000);
    node.deliver(bomb);
    expect(messagesHeard(node)).toEqual([]);
    expect(node.count("dropped.too_large")).toBe(1);
    node.deliver(compressMessage(encodeUser(new Uint8Array(size - 1))));
    expect(messagesHeard(node).map(({ length }) => length)).toEqual([size - 1]);
  });
});

describe("hostile input", () => {
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

  it("never makes the engine throw, and drops are counted and logged", () => {
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
        const warnings = node.logs.filter(({ level }) => level === "warn");
        const logged = warnings.reduce((sum, { fields }) => sum + Number(fields["count"] ?? 1), 0);
        expect(logged).toBeGreaterThanOrEqual(counted);
      }),
      { numRuns: 300 },
    );
  });

  it("counts as dropped for a named reason", () => {
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

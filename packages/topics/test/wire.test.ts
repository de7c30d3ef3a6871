import { Decoder, encode } from "@msgpack/msgpack";
import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { isWhole } from "../src/wire-shape.ts";
import { decodeDigest, decodePacket, encodePacket, type Packet } from "../src/wire.ts";

const message = {
  origin: 2 ** 47,
  sender: "web-1",
  sequence: 7,
  floor: 1,
  age: 70_000,
  version: 0,
  topic: "prices",
  payload: new Uint8Array(300).fill(0xdd),
};
const packets: readonly Packet[] = [
  { type: "publish", message },
  { type: "digest", digest: { member: "web-1", origins: [{ origin: 1, sender: "a", floor: 1, next: 300 }], retained: [] } },
  { type: "pull", ranges: Array.from({ length: 20 }, (_, i) => ({ origin: i, from: 1, to: 2 ** 32 })), retained: ["x"] },
  { type: "repair", messages: [message, message], retained: [message] },
  { type: "tree", message, receivers: Array.from({ length: 60_000 }, (_, i) => `web-${i}`) },
];

it("decodes the packets that it encodes", () => {
  for (const packet of packets) expect(decodePacket(encodePacket(packet))).toEqual(packet);
});

it("decodes a message of a made-up age with one that it can pass on later", () => {
  const old = { ...message, age: Number.MAX_SAFE_INTEGER };
  const decoded = decodePacket(encodePacket({ type: "repair", messages: [], retained: [old] }));
  const [first] = decoded?.type === "repair" ? decoded.retained : [];
  const later = { ...message, age: (first?.age ?? 0) + 3_600_000 };
  expect(decodePacket(encodePacket({ type: "repair", messages: [], retained: [later] }))).toMatchObject({ type: "repair" });
});

it("refuses packets that were cut off or changed, without an error", () => {
  const encoded = packets.slice(0, 4).map((packet) => encodePacket(packet));
  fc.assert(
    fc.property(fc.constantFrom(...encoded), fc.nat(), fc.nat(255), (bytes, place, byte) => {
      const at = place % bytes.length;
      expect(decodePacket(bytes.subarray(0, at))).toBeUndefined();
      const changed = new Uint8Array(bytes);
      changed[at] = byte;
      decodePacket(changed);
    }),
  );
});

it.each([
  ["a list of 30,000,000 items that are not there", "dd01c9c380"],
  ["lists of 65,535 items in lists", "dcffff".repeat(400)],
  ["five lists in lists", "919191919101"],
  ["1,100,000 items", `dd0010c8e0${"00".repeat(1_100_000)}`],
  ["a map", "9180"],
  ["an extension", "91d40000"],
  ["a string that is cut off", "91a361"],
  ["a second value", "9000"],
  ["no byte", ""],
])("does not decode %s", (_, hex) => {
  const decode = vi.spyOn(Decoder.prototype, "decode").mockImplementation(() => undefined);
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  expect([decodePacket(bytes), decodeDigest(bytes)]).toEqual([undefined, undefined]);
  expect(decode).not.toHaveBeenCalled();
});

it("finds every value of lists, strings, bytes and numbers whole, and no part of it", () => {
  const scalar = fc.oneof(fc.string(), fc.uint8Array(), fc.maxSafeInteger(), fc.double(), fc.boolean(), fc.constant(null));
  fc.assert(
    fc.property(fc.array(fc.oneof(scalar, fc.array(fc.oneof(scalar, fc.array(scalar))))), fc.nat(), (value, place) => {
      const bytes = encode(value);
      expect(isWhole(bytes)).toBe(true);
      expect(isWhole(bytes.subarray(0, place % bytes.length))).toBe(false);
    }),
  );
});

it("refuses a message with a topic or a sender that is too long", () => {
  const long = "x".repeat(256);
  for (const wrong of [
    { ...message, topic: long },
    { ...message, sender: long },
    { ...message, topic: "" },
  ]) {
    expect(decodePacket(encodePacket({ type: "publish", message: wrong }))).toBeUndefined();
  }
});

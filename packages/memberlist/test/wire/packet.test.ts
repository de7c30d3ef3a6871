import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decompressBody } from "../../src/wire/compression/compress.ts";
import { crc32 } from "../../src/wire/crc.ts";
import { encodeUser } from "../../src/wire/messages/encode.ts";
import { type DecodePacketOptions, decodePacket, encodePacket } from "../../src/wire/packet.ts";
import { ascii, fromHex, toHex } from "./hex.ts";
import { reasonOf } from "./reason.ts";

const none = new Uint8Array(0);
const plain = { compress: false, crc: false, label: none };
const open: DecodePacketOptions = { label: none, skipInboundLabelCheck: false };
const repetitive = new Uint8Array(200).fill(8);

describe("the layers of a packet", () => {
  it("returns the message itself if it has no layer to add or remove", () => {
    const message = ascii("\x08hi");
    expect(encodePacket(message, plain)).toBe(message);
    expect(encodePacket(message, { ...plain, compress: true })).toBe(message);
    expect(decodePacket(message, open)).toBe(message);
  });

  it("compresses, then adds the checksum, then the label", () => {
    const packet = encodePacket(repetitive, { compress: true, crc: true, label: ascii("ab") });
    expect(toHex(packet.subarray(0, 5))).toBe("f40261620c");
    expect(packet[9]).toBe(9);
    const message = decodePacket(packet, { ...open, label: ascii("ab") });
    expect(message.buffer).toBe(packet.buffer);
    expect(decompressBody(message.subarray(1), 1000)).toEqual(repetitive);
  });

  it("compresses only messages that become smaller", () => {
    const compress = { ...plain, compress: true };
    expect(encodePacket(repetitive, compress)[0]).toBe(9);
    const random = Uint8Array.from({ length: 255 }, (_, i) => (i * 167) & 0xff);
    expect(encodePacket(random, compress)).toBe(random);
  });

  it("returns bytes that the next packet does not overwrite", () => {
    const first = encodePacket(repetitive, { ...plain, compress: true });
    const before = toHex(first);
    encodePacket(new Uint8Array(300).fill(1), { ...plain, compress: true });
    expect(toHex(first)).toBe(before);
  });

  it("writes the layers in front of a message of its own, and copies others", () => {
    const layers = { compress: false, crc: true, label: ascii("ab") };
    const message = encodeUser(ascii("hello"));
    const expected = toHex(encodePacket(ascii("\x08hello"), layers));
    const copied = encodePacket(message, layers);
    expect(toHex(copied)).toBe(expected);
    const ours = encodeUser(ascii("hello"));
    const packet = encodePacket(ours, layers, true);
    expect(toHex(packet)).toBe(expected);
    expect(packet.byteOffset + packet.length).toBe(ours.byteOffset + ours.length);
    const longLabel = { ...layers, label: new Uint8Array(40).fill(65) };
    const other = encodeUser(ascii("hello"));
    expect(toHex(encodePacket(other, longLabel, true))).toBe(toHex(encodePacket(message, longLabel)));
    expect([toHex(message), toHex(other)]).toEqual(["0868656c6c6f", "0868656c6c6f"]);
  });

  it("adds the same checksum as Go", () => {
    expect(toHex(encodePacket(ascii("123456789"), { ...plain, crc: true }))).toBe("0ccbf43926313233343536373839");
  });

  it("rejects a message that does not match its checksum", () => {
    const packet = encodePacket(ascii("\x08hello"), { ...plain, crc: true });
    expect(decodePacket(packet, open)).toEqual(ascii("\x08hello"));
    for (let i = 1; i < packet.length; i++) {
      const changed = Uint8Array.from(packet);
      changed[i] = (changed[i] as number) ^ 0x10;
      expect(reasonOf(() => decodePacket(changed, open))).toBe("bad_crc");
    }
  });

  it("lets the runtime compute checksums of long packets if it can", () => {
    const summed: number[] = [];
    const checksum = (bytes: Uint8Array): number => {
      summed.push(bytes.length);
      return crc32(bytes);
    };
    for (const size of [10, 255, 256, 1000]) {
      const message = new Uint8Array(size).fill(8);
      const packet = encodePacket(message, { ...plain, crc: true, checksum });
      expect(packet).toEqual(encodePacket(message, { ...plain, crc: true }));
      expect(decodePacket(packet, { ...open, checksum })).toEqual(message);
    }
    expect(summed).toEqual([256, 256, 1000, 1000]);
    const packet = encodePacket(new Uint8Array(1000), { ...plain, crc: true });
    expect(reasonOf(() => decodePacket(packet, { ...open, checksum: () => 1 }))).toBe("bad_crc");
  });

  it("treats a packet too short for a checksum as a message, as Go does", () => {
    expect(toHex(decodePacket(fromHex("0c010203"), open))).toBe("0c010203");
  });

  it.each([
    ["nothing", ""],
    ["a checksum of nothing", "0c00000000"],
  ])("refuses %s", (_, hex) => {
    expect(reasonOf(() => decodePacket(fromHex(hex), open))).toBe("empty");
  });

  it("rejects a different label and a broken header", () => {
    const foo = { ...open, label: ascii("foo") };
    const labelled = (label: string): Uint8Array => encodePacket(repetitive, { ...plain, label: ascii(label) });
    expect(decodePacket(labelled("foo"), foo)).toEqual(repetitive);
    expect(reasonOf(() => decodePacket(labelled("fox"), foo))).toBe("label_mismatch");
    expect(reasonOf(() => decodePacket(labelled("fo"), foo))).toBe("label_mismatch");
    expect(reasonOf(() => decodePacket(repetitive, foo))).toBe("label_mismatch");
    expect(reasonOf(() => decodePacket(labelled("foo"), open))).toBe("label_mismatch");
    expect(reasonOf(() => decodePacket(fromHex("f40366"), foo))).toBe("bad_label");
    expect(reasonOf(() => decodePacket(labelled("foo").subarray(0, 5), foo))).toBe("empty");
  });

  it("accepts an unlabelled packet with skipInboundLabelCheck, and rejects a labelled one", () => {
    const skip = { label: ascii("foo"), skipInboundLabelCheck: true };
    expect(decodePacket(repetitive, skip)).toBe(repetitive);
    const labelled = encodePacket(repetitive, { ...plain, label: ascii("foo") });
    expect(reasonOf(() => decodePacket(labelled, skip))).toBe("double_label");
    expect(() => decodePacket(labelled, skip)).toThrow(/^a packet with a label, but skipInboundLabelCheck/);
  });

  it("round-trips any message under any layers", () => {
    const label = fc.uint8Array({ maxLength: 255 });
    // A user message: one that itself starts as a layer does would be taken for that layer, in Go too.
    const message = fc.uint8Array({ maxLength: 600 }).map((bytes) => Uint8Array.of(8, ...bytes));
    fc.assert(
      fc.property(message, fc.boolean(), fc.boolean(), label, (bytes, compress, crc, packetLabel) => {
        const opened = decodePacket(encodePacket(bytes, { compress, crc, label: packetLabel }), { ...open, label: packetLabel });
        expect(opened[0] === 9 ? decompressBody(opened.subarray(1), 1000) : opened).toEqual(bytes);
      }),
    );
  });
});

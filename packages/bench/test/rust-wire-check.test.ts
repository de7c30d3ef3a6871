import { createCipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../memberlist/src/wire/crc.ts";
import { rustWire, unsnap } from "../src/rust-wire-check.ts";

const key = Buffer.alloc(16, 7);
const payload = Buffer.from("a message, a message, a message");

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const user = Buffer.concat([Buffer.from([9, payload.length]), payload]);
/** A literal of 13 bytes, then a copy of 20 from 11 bytes back. */
const snappy = Buffer.concat([
  Buffer.from([user.length, (13 - 1) << 2]),
  user.subarray(0, 13),
  Buffer.from([((20 - 1) << 2) | 2, 11, 0]),
]);
const compressed = Buffer.concat([Buffer.from([14, 4, 0]), u32(user.length), u32(snappy.length), snappy]);

function withChecksum(message: Buffer, checksum: number = crc32(message)): Buffer {
  return Buffer.concat([Buffer.from([13, 1]), u32(message.length), message, u32(checksum)]);
}

function encrypted(clear: Buffer): Buffer {
  const nonce = Buffer.alloc(12, 3);
  const cipher = createCipheriv("aes-128-gcm", key, nonce);
  return Buffer.concat([
    Buffer.from([15, 1]),
    u32(clear.length),
    nonce,
    cipher.update(clear),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
}

describe("a packet of the Rust crate", () => {
  it.each([
    ["plain", user, null, { isCompressed: false, hasCrc: false, isEncrypted: false }],
    ["with a checksum", withChecksum(user), null, { isCompressed: false, hasCrc: true, isEncrypted: false }],
    ["with the crate's checksum", withChecksum(user, 0), null, { isCompressed: false, hasCrc: true, isEncrypted: false }],
    ["compressed", withChecksum(compressed), null, { isCompressed: true, hasCrc: true, isEncrypted: false }],
    ["encrypted, too", encrypted(withChecksum(compressed)), key, { isCompressed: true, hasCrc: true, isEncrypted: true }],
  ])("yields its message and its layers: %s", (_, packet, secret, layers) => {
    const { messages, inner, ...found } = rustWire.contentOf(packet, secret);
    expect(found).toEqual(layers);
    expect(messages.map((message) => Buffer.from(message))).toEqual([payload]);
    expect(Buffer.from(inner)).toEqual(user);
  });

  it.each([
    ["another checksum", withChecksum(user, 1), null, /checksum is wrong/],
    ["another type", withChecksum(Buffer.from([4, 1, 1])), null, /type 4 instead of one user message/],
    ["two messages", withChecksum(Buffer.concat([user, user])), null, /instead of one user message/],
    ["a packet in the clear", withChecksum(user), key, /layer of type 13/],
    ["another key", encrypted(withChecksum(user)), Buffer.alloc(16, 8), /authenticate/],
    [
      "a length that is not its own",
      withChecksum(Buffer.from(compressed).fill(99, 6, 7)),
      null,
      /length of the decompressed message is wrong/,
    ],
  ])("throws for a packet with %s", (_, packet, secret, error) => {
    expect(() => rustWire.contentOf(packet, secret)).toThrow(error);
  });
});

describe("Snappy", () => {
  it("undoes literals and copies of each form, overlapping ones included", () => {
    const long = Buffer.alloc(70, "x");
    const block = Buffer.concat([
      Buffer.from([0x8f, 1, 60 << 2, 69]),
      long,
      // 4 bytes from 70 back, 64 from 1 back, 5 from 74 back.
      Buffer.from([1, 70, (63 << 2) | 2, 1, 0, (4 << 2) | 3, 74, 0, 0, 0]),
    ]);
    expect(Buffer.from(unsnap(block)).toString()).toBe("x".repeat(143));
  });

  it.each([
    ["a copy from before the start", [4, 1, 1], /beyond the block/],
    ["a literal that is too long", [4, 3 << 2, 1], /exceeds the block/],
    ["too few bytes", [4, 0, 1], /ends early/],
  ])("refuses %s", (_, block, error) => {
    expect(() => unsnap(Uint8Array.from(block))).toThrow(error);
  });
});

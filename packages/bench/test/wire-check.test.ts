import { createCipheriv, randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { compressMessage } from "../../memberlist/src/wire/compression/compress.ts";
import { makeCompound } from "../../memberlist/src/wire/compound.ts";
import { encodePacket } from "../../memberlist/src/wire/packet.ts";
import { contentOf } from "../src/wire-check.ts";

const key = new Uint8Array(16).fill(7);
const user = (text: string): Uint8Array => Uint8Array.from([8, ...Buffer.from(text)]);
const long = user("gossip ".repeat(50));
const wrap = (message: Uint8Array, compress: boolean): Uint8Array =>
  encodePacket(message, { compress, crc: true, label: new Uint8Array() });

function encrypt(clear: Uint8Array): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-128-gcm", key, nonce);
  const encrypted = cipher.update(clear);
  cipher.final();
  return Buffer.concat([Buffer.from([1]), nonce, encrypted, cipher.getAuthTag()]);
}

describe("contentOf", () => {
  it("sees through every layer, and names them", () => {
    const plain = contentOf(wrap(long, false), null);
    expect(plain).toMatchObject({ isEncrypted: false, isCompressed: false, hasCrc: true });
    const both = contentOf(encrypt(wrap(long, true)), key);
    expect(both).toMatchObject({ isEncrypted: true, isCompressed: true, hasCrc: true });
    for (const { messages } of [plain, both])
      expect(messages.map((one) => Buffer.from(one))).toEqual([Buffer.from(long.subarray(1))]);
  });

  it("finds all messages of a compound", () => {
    const { messages } = contentOf(compressMessage(makeCompound([user("a"), user("b")])), null);
    expect(messages.map((one) => Buffer.from(one).toString())).toEqual(["a", "b"]);
  });

  it("refuses packets without the expected encryption, or under another key", () => {
    expect(() => contentOf(wrap(long, false), key)).toThrow("not with encryption version 1");
    expect(() => contentOf(encrypt(wrap(long, false)), new Uint8Array(16))).toThrow("authenticate");
  });

  it("refuses a wrong checksum, and other messages than the user's", () => {
    const packet = wrap(long, false);
    packet[20]! ^= 1;
    expect(() => contentOf(packet, null)).toThrow("checksum");
    expect(() => contentOf(Uint8Array.of(0, 1, 2), null)).toThrow("type 0");
  });
});

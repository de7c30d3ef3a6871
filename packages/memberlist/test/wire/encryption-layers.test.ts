import { describe, expect, it } from "vitest";
import { encodePing } from "../../src/wire/messages/encode.ts";
import { decodePacket, encodePacket } from "../../src/wire/packet.ts";
import type { PayloadCipher } from "../../src/wire/encryption.ts";
import { readStreamMessage } from "../../src/wire/stream-messages.ts";
import { encodeStreamMessage, type StreamSecurity } from "../../src/wire/stream-layers.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { aes, cipherOf, flipped, patterned, transparent } from "./aes.ts";
import { ascii, fromHex } from "./hex.ts";
import { reasonOf, rejectionOf } from "./reason.ts";

const none = new Uint8Array(0);
const label = ascii("dc1");
const key = aes(patterned(16, 1));
const otherKey = aes(patterned(16, 2));
const MiB = 1024 * 1024;
const limits = {
  maxPushStateBytes: 20 * MiB,
  maxPushStateNodes: 10,
  maxUserMsgBytes: 20 * MiB,
  maxDecompressedBytes: 40 * MiB,
};
const ping = encodePing({ seqNo: 7, node: "n", sourceAddr: "", sourcePort: 0, sourceNode: "" });
const repetitive = ascii(`\x08${"a".repeat(400)}`);

describe("an encrypted packet", () => {
  const decode = (packet: Uint8Array, cipher: PayloadCipher | undefined, ours: Uint8Array = label): Uint8Array =>
    decodePacket(packet, { label: ours, skipInboundLabelCheck: false, cipher });

  it.each([
    [0, 40],
    [1, 24],
  ] as const)("places its label outside, and compression and checksum inside, in version %i", (version, less) => {
    const cipher = cipherOf([key], { version });
    const packet = encodePacket(repetitive, { compress: true, crc: true, label, cipher });
    expect([...packet.subarray(0, 6)]).toEqual([244, 3, ...label, version]);
    const plain = encodePacket(repetitive, { compress: true, crc: true, label: none });
    expect(plain.length).toBeLessThan(repetitive.length);
    expect(packet.length - plain.length).toBeGreaterThan(less);
    expect(decode(packet, cipher)[0]).toBe(9);
    // The transparent cipher shows what is inside: the checksum, then the compressed message.
    const shown = encodePacket(repetitive, { compress: true, crc: true, label: none, cipher: cipherOf([transparent]) });
    expect(shown.subarray(13, -16)).toEqual(plain);
  });

  it("goes out as plaintext while outgoing encryption is off", () => {
    const cipher = cipherOf([key], { encrypts: false });
    expect(encodePacket(ping, { compress: false, crc: false, label: none, cipher })).toBe(ping);
  });

  it("fails to decode under another key, another label, and as plaintext", () => {
    const cipher = cipherOf([key]);
    const encrypted = encodePacket(ping, { compress: false, crc: false, label, cipher });
    expect(decode(encrypted, cipher)).toEqual(ping);
    expect(reasonOf(() => decode(encrypted, cipherOf([otherKey])))).toBe("decrypt_failed");
    expect(reasonOf(() => decode(encrypted, cipher, ascii("dc2")))).toBe("label_mismatch");
    expect(reasonOf(() => decode(flipped(encrypted, 4, "1".charCodeAt(0) ^ "2".charCodeAt(0)), cipher, ascii("dc2")))).toBe(
      "decrypt_failed",
    );
    for (const crc of [true, false]) {
      expect(reasonOf(() => decode(encodePacket(ping, { compress: false, crc, label }), cipher))).toBe("decrypt_failed");
    }
  });

  it("needs a valid checksum and a message", () => {
    const cipher = cipherOf([transparent]);
    const encrypted = encodePacket(ping, { compress: false, crc: true, label: none, cipher });
    expect(reasonOf(() => decode(flipped(encrypted, encrypted.length - 17), cipher, none))).toBe("bad_crc");
    expect(reasonOf(() => decode(cipher.encrypt(none, none, 0), cipher, none))).toBe("empty");
  });

  it("gives way to plaintext of any content while plaintext is still accepted", () => {
    const cipher = cipherOf([key], { verifyIncoming: false });
    const encrypted = encodePacket(ping, { compress: false, crc: false, label, cipher });
    expect(decode(encrypted, cipher)).toEqual(ping);
    for (const first of [0, 1, 2, 8, 255]) {
      const plain = Uint8Array.from([first, ...patterned(60, first)]);
      expect(decode(encodePacket(plain, { compress: false, crc: true, label }), cipher)).toEqual(plain);
    }
  });

  it("reports a checksum error of accepted plaintext", () => {
    const cipher = cipherOf([key], { verifyIncoming: false });
    const plain = encodePacket(ping, { compress: false, crc: true, label: none });
    expect(reasonOf(() => decode(flipped(plain, plain.length - 1), cipher, none))).toBe("bad_crc");
  });

  it("fails to decrypt if the cipher fails for another reason", () => {
    const failing = { decrypt: (): never => raise(new Error("a bug")), verifyIncoming: false };
    expect(() => decode(ping, cipherOf([key], failing), none)).toThrow("a bug");
  });
});

describe("an encrypted stream message", () => {
  const security = (fields: Partial<PayloadCipher> = {}, keys = [key]): StreamSecurity => ({
    label,
    cipher: cipherOf(keys, fields),
  });
  const refusal = (bytes: Uint8Array, ours: StreamSecurity | undefined): Promise<string> =>
    rejectionOf(readStreamMessage(new StreamReader(bytes), limits, ours));

  it.each([0, 1] as const)("decodes to the message that was encoded, in version %i [EncryptDecryptState]", async (version) => {
    const sizes: number[] = [];
    const ours = { ...security({ version }), onEncryptedSize: (bytes: number) => void sizes.push(bytes) };
    for (const compress of [true, false]) {
      const encrypted = encodeStreamMessage(repetitive, { compress }, ours);
      expect([encrypted[0], encrypted[5]]).toEqual([10, version]);
      expect(new DataView(encrypted.buffer).getUint32(1)).toBe(encrypted.length - 5);
      const { type, body } = await readStreamMessage(new StreamReader(encrypted), limits, ours);
      expect(type).toBe(8);
      expect(await body.readExactly(400)).toEqual(repetitive.subarray(1));
      expect(sizes.pop()).toBe(encrypted.length - 5);
    }
  });

  it("fails to decode under another key, another label, with any byte of its length or payload changed", async () => {
    const encrypted = encodeStreamMessage(ping, { compress: false }, security());
    expect(await refusal(encrypted, security())).toBe("");
    expect(await refusal(encrypted, security({}, [otherKey]))).toBe("decrypt_failed");
    expect(await refusal(encrypted, { ...security(), label: none })).toBe("decrypt_failed");
    // One byte more than the announced length, and one less, are other additional data, even where the payload is whole.
    const longer = flipped(Uint8Array.from([...encrypted, 0]), 4, encrypted[4]! ^ (encrypted[4]! + 1));
    expect(await refusal(longer, security())).toBe("decrypt_failed");
    for (let at = 6; at < encrypted.length; at++)
      expect(await refusal(flipped(encrypted, at), security())).toBe("decrypt_failed");
  });

  it("fails to decode at every shorter length", async () => {
    const encrypted = encodeStreamMessage(ping, { compress: false }, security());
    for (let size = 0; size < encrypted.length; size++)
      expect(await refusal(encrypted.subarray(0, size), security())).toBe("stream_closed");
  });

  it("fails to decode if it announces more than the limit, before any of it is read", async () => {
    expect(await refusal(fromHex("0a 01400001"), security())).toBe("limit_exceeded");
    expect(await refusal(fromHex("0a ffffffff"), security())).toBe("limit_exceeded");
    await expect(readStreamMessage(new StreamReader(fromHex("0a 01400001")), limits, security())).rejects.toMatchObject({
      details: { name: "maxEncryptedBytes", value: 20 * MiB + 1, limit: 20 * MiB },
    });
    expect(await refusal(fromHex("0a 01400000"), security())).toBe("stream_closed");
    expect(await refusal(fromHex("0a 00000000"), security())).toBe("decrypt_failed");
  });

  it("fails to decode without a key, and plaintext fails if encryption is required", async () => {
    const encrypted = encodeStreamMessage(ping, { compress: false }, security());
    expect(await refusal(encrypted, { label })).toBe("decrypt_failed");
    expect(await refusal(encrypted, security({ isOn: false }))).toBe("decrypt_failed");
    expect(await refusal(ping, security())).toBe("not_encrypted");
    expect(await refusal(ping, security({ verifyIncoming: false }))).toBe("");
    // What comes encrypted has to be right, even while plaintext is still taken.
    expect(await refusal(flipped(encrypted, 20), security({ verifyIncoming: false }))).toBe("decrypt_failed");
  });

  it.each([
    ["a push/pull of the most nodes", {}, 17_913_219],
    ["the longest user message", { maxUserMsgBytes: 1_000_000, maxPushStateNodes: 0 }, 1_609_024],
    ["a push/pull without nodes", { maxPushStateBytes: 2_000_000, maxPushStateNodes: 0 }, 3_119_024],
  ])("fails to decode if it announces more than %s takes, compressed", async (_, changed, most) => {
    const few = {
      maxPushStateBytes: 1_000,
      maxPushStateNodes: 180,
      maxUserMsgBytes: 1_000,
      maxDecompressedBytes: 1_000,
      ...changed,
    };
    const announced = (size: number): Promise<unknown> =>
      readStreamMessage(new StreamReader(fromHex(`0a${size.toString(16).padStart(8, "0")}`)), few, security());
    await expect(announced(most)).rejects.toMatchObject({ code: "stream_closed" });
    await expect(announced(most + 1)).rejects.toMatchObject({
      code: "limit_exceeded",
      details: { name: "maxEncryptedBytes", value: most + 1, limit: most },
    });
  });

  it("needs a message", async () => {
    const encrypted = encodeStreamMessage(none, { compress: false }, security());
    expect(await refusal(encrypted, security())).toBe("protocol_error");
  });

  it("goes out only if a peer would accept it, and uncompressed if only that fits", () => {
    const ours: StreamSecurity = { label: none, cipher: cipherOf([transparent]) };
    const most = 20 * MiB - 29;
    expect(encodeStreamMessage(new Uint8Array(most), { compress: false }, ours).length).toBe(5 + 20 * MiB);
    expect(reasonOf(() => encodeStreamMessage(new Uint8Array(most + 1), { compress: false }, ours))).toBe("message_too_large");
    // Incompressible: LZW would make it half as large again.
    const noise = new Uint8Array(16 * MiB);
    for (let i = 0, state = 1; i < noise.length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      noise[i] = state >>> 24;
    }
    expect(encodeStreamMessage(noise, { compress: true }, ours).length).toBe(5 + 16 * MiB + 29);
  });
});

function raise(error: Error): never {
  throw error;
}

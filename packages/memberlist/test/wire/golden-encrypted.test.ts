import { describe, expect, it } from "vitest";
import { messageType } from "../../src/wire/constants.ts";
import { labelHeader, labelOverhead } from "../../src/wire/label.ts";
import { decodePacket, encodePacket } from "../../src/wire/packet.ts";
import { encryptedLength, type EncryptionVersion, type PayloadCipher } from "../../src/wire/encryption.ts";
import { readStreamLabel, readStreamMessage } from "../../src/wire/stream-messages.ts";
import { encodeStreamMessage, type StreamSecurity } from "../../src/wire/stream-layers.ts";
import { StreamReader } from "../../src/wire/stream-reader.ts";
import { aes, cipherOf, flipped } from "./aes.ts";
import {
  bytesOf,
  decodeBody,
  decodeMessages,
  encodePacketMessage,
  reencodeMessage,
  golden,
  hex,
  holdsEmptySlice,
  labelOf,
  limits,
  withoutNil,
  type Vector,
} from "./golden-vectors.ts";
import { reasonOf, rejectionOf } from "./reason.ts";

const encrypted = golden.vectors.filter(({ key }) => key !== undefined);
const named = (kind: Vector["kind"]): (readonly [string, Vector])[] =>
  encrypted.filter((vector) => vector.kind === kind).map((vector) => [vector.name, vector] as const);

const versionOf = (vector: Vector): EncryptionVersion => (vector.layers.includes("encrypt0") ? 0 : 1);
/** Where the encrypted payload starts: behind the label, and on a stream behind type and length. */
const payloadAt = (vector: Vector): number => {
  const label = vector.layers.includes("label") ? labelOverhead(labelOf(vector)) : 0;
  return label + (vector.kind === "stream" ? 5 : 0);
};
/** The key of a vector, and its nonce, so that encrypting gives the same bytes again. */
function cipherFor(vector: Vector): PayloadCipher {
  const nonce = bytesOf(vector.hex).subarray(payloadAt(vector) + 1, payloadAt(vector) + 13);
  return cipherOf([aes(bytesOf(vector.key), () => nonce)], { version: versionOf(vector) });
}
const open = (vector: Vector, packet: Uint8Array = bytesOf(vector.hex)): Uint8Array =>
  decodePacket(packet, { label: labelOf(vector), skipInboundLabelCheck: false, cipher: cipherFor(vector) });
const securityOf = (vector: Vector): StreamSecurity => ({ label: labelOf(vector), cipher: cipherFor(vector) });
const isCompressed = (vector: Vector): boolean => vector.layers.includes("compress");

describe(`the set of encrypted packets and streams of a Go peer (memberlist ${golden.memberlist})`, () => {
  it("covers both versions, every key size, labels and compression", () => {
    expect(new Set(encrypted.map(({ key }) => (key ?? "").length / 2))).toEqual(new Set([16, 24, 32]));
    for (const kind of ["packet", "stream"] as const) {
      const found = encrypted.filter((vector) => vector.kind === kind);
      const kinds = found.map((vector) => `${versionOf(vector)} ${vector.label === undefined ? "plain" : "label"}`);
      expect(new Set(kinds)).toEqual(new Set(["0 plain", "0 label", "1 plain", "1 label"]));
      expect(found.some(isCompressed)).toBe(true);
    }
  });
});

describe("encrypted packets", () => {
  it.each(named("packet"))("decrypts %s", (_name, vector) => {
    const message = open(vector);
    const layers: string[] = [];
    expect(decodeMessages(message, layers)).toEqual(withoutNil(vector.messages));
    expect(layers).toEqual(vector.layers.filter((layer) => !/^(label|crc|encrypt.)$/.test(layer)));
    expect(bytesOf(vector.hex).length - payloadAt(vector)).toBe(encryptedLength(versionOf(vector), message.length));
  });

  it.each(named("packet").filter(([, vector]) => !holdsEmptySlice(vector)))(
    "encrypts %s byte for byte, under the same nonce",
    (_name, vector) => {
      const options = {
        compress: vector.name.includes("compressed"),
        crc: false,
        label: labelOf(vector),
        cipher: cipherFor(vector),
      };
      expect(hex(encodePacket(encodePacketMessage(vector), options))).toBe(vector.hex);
    },
  );

  it.each(named("packet"))("refuses %s with any byte behind the version changed, or cut off", (_name, vector) => {
    const packet = bytesOf(vector.hex);
    for (let at = payloadAt(vector) + 1; at < packet.length; at++) {
      expect(reasonOf(() => open(vector, flipped(packet, at)))).toBe("decrypt_failed");
    }
    for (let size = payloadAt(vector); size < packet.length; size++) {
      expect(reasonOf(() => open(vector, packet.subarray(0, size)))).toBe("decrypt_failed");
    }
  });

  it.each(named("packet").filter(([, { label }]) => label !== undefined))("refuses %s under another label", (_name, vector) => {
    // Of the same length, so that only the label's bytes in the additional data differ.
    const packet = flipped(bytesOf(vector.hex), 2);
    const label = packet.slice(2, payloadAt(vector));
    const options = { label, skipInboundLabelCheck: false, cipher: cipherFor(vector) };
    expect(reasonOf(() => decodePacket(packet, options))).toBe("decrypt_failed");
    // Taken off by a front end, it still is what was authenticated.
    const bare = bytesOf(vector.hex).subarray(payloadAt(vector));
    expect(decodePacket(bare, { ...options, label: labelOf(vector), skipInboundLabelCheck: true })).toEqual(open(vector));
  });
});

describe("encrypted streams", () => {
  it.each(named("stream"))("decrypts %s", async (_name, vector) => {
    const reader = new StreamReader(bytesOf(vector.hex));
    const label = await readStreamLabel(reader);
    expect(hex(label)).toBe(vector.layers.includes("label") ? hex(labelOf(vector)) : "");
    const { type, body } = await readStreamMessage(reader, limits, securityOf(vector));
    expect([await decodeBody(type, body)]).toEqual(withoutNil(vector.messages));
    expect(await body.peekByte()).toBeUndefined();
    expect(bytesOf(vector.hex)[payloadAt(vector) - 5]).toBe(messageType.encrypt);
  });

  it.each(named("stream"))("encrypts %s byte for byte, under the same nonce", async (_name, vector) => {
    const message = await reencodeMessage(vector, securityOf(vector));
    const encoded = encodeStreamMessage(message, { compress: isCompressed(vector) }, securityOf(vector));
    const header = vector.layers.includes("label") ? hex(labelHeader(labelOf(vector))) : "";
    expect(header + hex(encoded)).toBe(vector.hex);
  });

  it.each(named("stream"))("refuses %s with any byte of its length or behind the version changed", async (_name, vector) => {
    const whole = bytesOf(vector.hex).subarray(payloadAt(vector) - 5);
    const refusal = (bytes: Uint8Array): Promise<string> =>
      rejectionOf(readStreamMessage(new StreamReader(bytes), limits, securityOf(vector)));
    expect(await refusal(whole)).toBe("");
    for (let at = 6; at < whole.length; at++) expect(await refusal(flipped(whole, at))).toBe("decrypt_failed");
    // A shorter length cuts the payload, a longer one waits for more, and one of many MiB is not waited for.
    expect(await refusal(flipped(whole, 4))).toMatch(/^(decrypt_failed|stream_closed)$/);
    expect(await refusal(flipped(whole, 1, 2))).toBe("limit_exceeded");
  });
});

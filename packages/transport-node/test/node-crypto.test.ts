import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadFallbackCrypto } from "../../memberlist/src/encryption/fallback-crypto.ts";
import { crc32 } from "../../memberlist/src/wire/crc.ts";
import type { AesGcm, Crypto } from "../src/index.ts";
import { NodeCrypto } from "../src/node-crypto.ts";

const none = new Uint8Array(0);
const node = new NodeCrypto();
const fallback = await loadFallbackCrypto();
const pairs: readonly (readonly [string, Crypto, Crypto])[] = [
  ["node:crypto", node, fallback],
  ["@noble/ciphers", fallback, node],
];

const key = fc.constantFrom(16, 24, 32).chain((size) => fc.uint8Array({ minLength: size, maxLength: size }));
/** All small lengths, around blocks, and up to 5,000. */
const plaintext = fc.oneof(fc.uint8Array({ maxLength: 70 }), fc.uint8Array({ maxLength: 5_000, size: "max" }));
const additionalData = fc.uint8Array({ maxLength: 300, size: "max" });

function patterned(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (i * 29 + (i >> 7)) & 0xff);
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ 0x10;
  return copy;
}

it("computes the same CRC-32 as the core", () => {
  fc.assert(
    fc.property(plaintext, (bytes) => {
      expect(node.crc32(bytes)).toBe(crc32(bytes));
    }),
  );
});

const encryptedBy = (aes: AesGcm, message: Uint8Array, data: Uint8Array = none): Uint8Array => aes.encrypt(message, data, 0);

describe.each(pairs)("AES-GCM by %s", { timeout: 60_000 }, (_name, ours, theirs) => {
  it("encrypts for the other implementation, with each size of key, message and additional data", () => {
    fc.assert(
      fc.property(key, plaintext, additionalData, fc.nat(20), (bytes, message, data, headroom) => {
        const before = [bytes.slice(), message.slice(), data.slice()];
        const encrypted = ours.aesGcm(bytes).encrypt(message, data, headroom);
        expect(encrypted.length).toBe(headroom + 12 + message.length + 16);
        expect(encrypted.subarray(0, headroom)).toEqual(new Uint8Array(headroom));
        expect(theirs.aesGcm(bytes).decrypt(encrypted.subarray(headroom), data)).toEqual(message);
        expect([bytes, message, data]).toEqual(before);
      }),
      { numRuns: 150 },
    );
  });

  it("encrypts for the other implementation at each length up to 300", () => {
    const [encrypting, decrypting] = [ours.aesGcm(patterned(24)), theirs.aesGcm(patterned(24))];
    for (let size = 0; size <= 300; size++) {
      expect(decrypting.decrypt(encryptedBy(encrypting, patterned(size), patterned(size % 40)), patterned(size % 40))).toEqual(
        patterned(size),
      );
    }
  });

  it("decrypts its own messages, a megabyte too", () => {
    const aes = ours.aesGcm(patterned(32));
    for (const size of [0, 1, 65_536, 1_048_577]) {
      const decrypted = aes.decrypt(encryptedBy(aes, patterned(size)), none) as Uint8Array;
      expect(Buffer.compare(decrypted, patterned(size))).toBe(0);
    }
  });

  it("fails to decrypt with any byte of nonce, ciphertext, tag or additional data changed", () => {
    const aes = ours.aesGcm(patterned(16));
    const data = patterned(9);
    for (const size of [0, 5, 16, 33]) {
      const encrypted = encryptedBy(aes, patterned(size), data);
      for (let at = 0; at < encrypted.length; at++) expect(aes.decrypt(flipped(encrypted, at), data)).toBeUndefined();
      for (let at = 0; at < data.length; at++) expect(aes.decrypt(encrypted, flipped(data, at))).toBeUndefined();
      expect(aes.decrypt(encrypted, none)).toBeUndefined();
      expect(aes.decrypt(encrypted, data)).toEqual(patterned(size));
    }
  });

  it("fails to decrypt at every shorter length from 28 bytes, and longer", () => {
    const aes = ours.aesGcm(patterned(16));
    const encrypted = encryptedBy(aes, patterned(40));
    for (let size = 28; size < encrypted.length; size++) expect(aes.decrypt(encrypted.subarray(0, size), none)).toBeUndefined();
    expect(aes.decrypt(Uint8Array.from([...encrypted, 0]), none)).toBeUndefined();
  });

  it("fails to decrypt with every other key", () => {
    const encrypted = encryptedBy(ours.aesGcm(patterned(32)), patterned(20));
    for (const other of [flipped(patterned(32), 31), patterned(24), patterned(16)]) {
      expect(ours.aesGcm(other).decrypt(encrypted, none)).toBeUndefined();
    }
  });

  it("uses a new nonce each time, and keeps its key when the caller changes the array", () => {
    const bytes = patterned(16);
    const aes = ours.aesGcm(bytes);
    bytes.fill(0);
    const count = 2_500;
    const nonces = new Set<string>();
    const again = ours.aesGcm(patterned(16));
    for (let i = 0; i < count; i++) nonces.add(String(encryptedBy(i % 2 === 0 ? aes : again, none).subarray(0, 12)));
    expect(nonces.size).toBe(count);
    expect(theirs.aesGcm(patterned(16)).decrypt(encryptedBy(aes, patterned(3)), none)).toEqual(patterned(3));
  });

  it("returns plain arrays, which share no memory with its arguments or other results", () => {
    const aes = ours.aesGcm(patterned(16));
    const encrypted = encryptedBy(aes, patterned(64));
    const decrypted = aes.decrypt(encrypted, none) as Uint8Array;
    expect([encrypted.constructor, decrypted.constructor]).toEqual([Uint8Array, Uint8Array]);
    encrypted.fill(0);
    aes.decrypt(encryptedBy(aes, new Uint8Array(64)), none);
    expect(decrypted).toEqual(patterned(64));
  });
});

describe("AES-GCM", () => {
  it("passes the test vectors of McGrew and Viega", () => {
    const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
    const vectors = [
      // Cases 1, 2, 4 (AES-128 with additional data), 10 (192) and 16 (256).
      ["00".repeat(16), "00".repeat(12), "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"],
      [
        "00".repeat(16),
        "00".repeat(12),
        "00".repeat(16),
        "",
        "0388dace60b6a392f328c2b971b2fe78",
        "ab6e47d42cec13bdf53a67b21257bddf",
      ],
      ...(
        [
          [
            "feffe9928665731c6d6a8f9467308308",
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
            "5bc94fbc3221a5db94fae95ae7121a47",
          ],
          [
            "feffe9928665731c6d6a8f9467308308feffe9928665731c",
            "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
            "2519498e80f1478f37ba55bd6d27618c",
          ],
          [
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
          ],
        ] as const
      ).map(
        ([secret, ciphertext, tag]) =>
          [
            secret,
            "cafebabefacedbaddecaf888",
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            ciphertext,
            tag,
          ] as const,
      ),
    ] as const;
    for (const [secret, nonce, message, data, ciphertext, tag] of vectors) {
      for (const crypto of [node, fallback]) {
        expect(crypto.aesGcm(hex(secret)).decrypt(hex(nonce + ciphertext + tag), hex(data))).toEqual(hex(message));
      }
    }
  });
});

import { describe, expect, it } from "vitest";
import type { AesGcm } from "../../src/ports/crypto.ts";
import {
  decryptLongPayload,
  decryptPayload,
  encryptedLength,
  encryptionVersionOf,
  encryptLongPayload,
  encryptOverhead,
  encryptPayload,
  fixedKeysCipher,
  type EncryptionVersion,
} from "../../src/wire/encryption.ts";
import { aes, flipped, patterned, transparent } from "./aes.ts";
import { ascii, fromHex } from "./hex.ts";
import { reasonOf, rejectionOf } from "./reason.ts";

const none = new Uint8Array(0);
const key = aes(patterned(16, 1));
const other = aes(patterned(32, 2));
const plaintext = ascii("this is a plain text message");
const extra = ascii("random data");

/** A payload of version 0 whose plaintext, padding included, is what it says. */
const padded = (bytes: readonly number[]): Uint8Array =>
  encryptPayload(transparent, 1, Uint8Array.from(bytes), none, 0).fill(0, 0, 1);

describe("padding of version 0", () => {
  it("makes whole blocks, encodes its own length, and comes off again, for every length [PKCS7]", () => {
    for (let size = 0; size <= 255; size++) {
      const message = new Uint8Array(size).fill(size);
      const encrypted = encryptPayload(transparent, 0, message, none, 0);
      const inside = encrypted.subarray(13, -16);
      const count = inside.length - size;
      expect([inside.length % 16, count >= 1 && count <= 16]).toEqual([0, true]);
      expect([...inside.subarray(size)]).toEqual(Array.from({ length: count }, () => count));
      expect(decryptPayload([transparent], encrypted, none)).toEqual(message);
    }
  });

  it("fails to come off if its length byte is wrong", () => {
    const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);
    const good = [...zeros(12), 4, 4, 4, 4];
    expect(decryptPayload([transparent], padded(good), none)).toEqual(new Uint8Array(12));
    const lies: Record<string, readonly number[]> = {
      "of no byte": zeros(16),
      "longer than a block": [...zeros(15), 17],
      "longer than the plaintext": [...zeros(15), 255],
      "of differing bytes": [...zeros(12), 4, 4, 3, 4],
      "cut off": [...zeros(13), 4, 4, 4],
    };
    const refusals = Object.entries(lies).map(([what, bytes]) => [
      what,
      reasonOf(() => decryptPayload([transparent], padded(bytes), none)),
    ]);
    expect(refusals).toEqual(Object.keys(lies).map((what) => [what, "decrypt_failed"]));
  });
});

/** There and back, and nowhere else. */
function expectRoundTrip(version: EncryptionVersion): void {
  const encrypted = encryptPayload(key, version, plaintext, extra, 0);
  expect(encrypted[0]).toBe(version);
  expect(encrypted.length).toBe(encryptedLength(version, plaintext.length));
  expect(decryptPayload([key], encrypted, extra)).toEqual(plaintext);
  expect(reasonOf(() => decryptPayload([key], encrypted, none))).toBe("decrypt_failed");
  expect(reasonOf(() => decryptPayload([other], encrypted, extra))).toBe("decrypt_failed");
}

describe("encryption", () => {
  it("round-trips in version 0 under the same key and additional data [EncryptDecrypt_V0]", () => {
    expectRoundTrip(0);
    expect(encryptedLength(0, plaintext.length)).toBe(29 + 32);
  });

  it("round-trips in version 1 under the same key and additional data [EncryptDecrypt_V1]", () => {
    expectRoundTrip(1);
    expect(encryptedLength(1, plaintext.length)).toBe(29 + 28);
  });
});

describe.each([0, 1] as const)("encryption of version %i", (version) => {
  it("adds at most its declared overhead, and leaves the headroom free", () => {
    let most = 0;
    for (let size = 0; size < 70; size++) {
      const encrypted = encryptPayload(key, version, patterned(size, size), extra, 9);
      const added = encrypted.length - 9 - size;
      expect(added).toBe(encryptedLength(version, size) - size);
      most = Math.max(most, added);
      expect([...encrypted.subarray(0, 9)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
      expect(decryptPayload([key], encrypted.subarray(9), extra)).toEqual(patterned(size, size));
    }
    expect(most).toBe(encryptOverhead(version));
  });

  it("refuses a message with any bit changed after the version", () => {
    const encrypted = encryptPayload(key, version, plaintext, extra, 0);
    for (let at = 1; at < encrypted.length; at++) {
      for (const bit of [1, 0x80])
        expect(reasonOf(() => decryptPayload([key], flipped(encrypted, at, bit), extra))).toBe("decrypt_failed");
    }
    for (let at = 0; at < extra.length; at++) {
      expect(reasonOf(() => decryptPayload([key], encrypted, flipped(extra, at)))).toBe("decrypt_failed");
    }
  });

  it("refuses every shorter length, and one byte longer", () => {
    const encrypted = encryptPayload(key, version, plaintext, extra, 0);
    for (let size = 0; size < encrypted.length; size++) {
      expect(reasonOf(() => decryptPayload([key], encrypted.subarray(0, size), extra))).toBe("decrypt_failed");
    }
    expect(reasonOf(() => decryptPayload([key], Uint8Array.from([...encrypted, 0]), extra))).toBe("decrypt_failed");
  });

  it("tries a key only for lengths that encryption makes", () => {
    let asked = 0;
    const counting = { ...transparent, decrypt: () => void asked++ };
    const made = new Set(Array.from({ length: 100 }, (_, size) => encryptedLength(version, size)));
    for (let size = 0; size < 100; size++) {
      asked = 0;
      const payload = new Uint8Array(size).fill(version, 0, 1);
      expect(reasonOf(() => decryptPayload([counting], payload, none))).toBe("decrypt_failed");
      expect([size, asked]).toEqual([size, made.has(size) ? 1 : 0]);
    }
  });

  it("adds the same bytes off the event loop as on it, where the key can do both", async () => {
    const calls: string[] = [];
    const both: AesGcm = {
      encrypt: (...given) => {
        calls.push("encrypt");
        return transparent.encrypt(...given);
      },
      decrypt: (...given) => {
        calls.push("decrypt");
        return transparent.decrypt(...given);
      },
      encryptLong: async (bytes, data, headroom) => {
        calls.push(`encryptLong ${data.length}`);
        return transparent.encrypt(bytes, data, headroom);
      },
      decryptLong: async (bytes, data) => {
        calls.push(`decryptLong ${data.length}`);
        return transparent.decrypt(bytes, data);
      },
    };
    const encrypted = await encryptLongPayload(both, version, plaintext, extra, 9);
    expect(encrypted).toEqual(encryptPayload(transparent, version, plaintext, extra, 9));
    expect(await decryptLongPayload([both], encrypted.subarray(9), extra)).toEqual(plaintext);
    expect(calls).toEqual(["encryptLong 11", "decryptLong 11"]);
  });

  it("takes a key that works only on the event loop for long payloads, too", async () => {
    const encrypted = await encryptLongPayload(key, version, plaintext, extra, 9);
    expect(await decryptLongPayload([key], encrypted.subarray(9), extra)).toEqual(plaintext);
    expect(decryptPayload([key], encrypted.subarray(9), extra)).toEqual(plaintext);
  });
});

describe("decryption", () => {
  it("accepts either version, independent of the version that this node sends", () => {
    expect([1, 2, 3, 4, 5].map(encryptionVersionOf)).toEqual([0, 1, 1, 1, 1]);
    for (const version of [0, 1] as const) {
      expect(decryptPayload([key], encryptPayload(key, version, plaintext, extra, 0), extra)).toEqual(plaintext);
    }
  });

  it("refuses every other version", () => {
    const encrypted = encryptPayload(key, 1, plaintext, extra, 0);
    for (let version = 2; version <= 255; version++) {
      encrypted[0] = version;
      expect(reasonOf(() => decryptPayload([key], encrypted, extra))).toBe("decrypt_failed");
    }
  });

  it("keeps the padding as plaintext, or refuses, if the version byte was changed", () => {
    const retag = (version: EncryptionVersion, as: EncryptionVersion, message: Uint8Array): Uint8Array => {
      const encrypted = encryptPayload(key, version, message, none, 0);
      encrypted[0] = as;
      return encrypted;
    };
    // The format authenticates no version: that is the most that somebody without the key can do to a message.
    expect(decryptPayload([key], retag(0, 1, ascii("fourteen bytes")), none)).toEqual(
      fromHex("666f75727465656e206279746573 0202"),
    );
    expect(reasonOf(() => decryptPayload([key], retag(1, 0, plaintext), none))).toBe("decrypt_failed");
    expect(reasonOf(() => decryptPayload([key], retag(1, 0, ascii("sixteen bytes...")), none))).toBe("decrypt_failed");
  });

  it("tries the keys in order until one fits", () => {
    const asked: string[] = [];
    const noting = (name: string, inner: typeof key): typeof key => ({
      ...inner,
      decrypt: (encrypted, data) => {
        asked.push(name);
        return inner.decrypt(encrypted, data);
      },
    });
    const encrypted = encryptPayload(other, 1, plaintext, extra, 0);
    expect(decryptPayload([noting("a", key), noting("b", other), noting("c", key)], encrypted, extra)).toEqual(plaintext);
    expect(asked).toEqual(["a", "b"]);
    expect(reasonOf(() => decryptPayload([], encrypted, extra))).toBe("decrypt_failed");
  });

  it("goes on to the next key if a crypto throws, and never rethrows its error", () => {
    const broken = {
      ...transparent,
      decrypt: (): never => {
        throw new Error("the crypto's own");
      },
    };
    const encrypted = encryptPayload(key, 1, plaintext, extra, 0);
    expect(decryptPayload([broken, key], encrypted, extra)).toEqual(plaintext);
    expect(() => decryptPayload([key, broken].slice(1), encrypted, extra)).toThrow(
      expect.objectContaining({ reason: "decrypt_failed", cause: expect.objectContaining({ message: "the crypto's own" }) }),
    );
  });
});

describe("decryption off the event loop", () => {
  const encrypted = encryptPayload(other, 1, plaintext, extra, 0);
  const failing = (error: Error): AesGcm => ({
    ...transparent,
    decryptLong: async () => {
      throw error;
    },
  });

  it("tries the keys in order until one fits", async () => {
    const asked: string[] = [];
    const noting = (name: string, inner: AesGcm): AesGcm => ({
      ...inner,
      decryptLong: async (bytes, data) => {
        asked.push(name);
        return inner.decrypt(bytes, data);
      },
    });
    const keys = [noting("a", key), noting("b", other), noting("c", key)];
    expect(await decryptLongPayload(keys, encrypted, extra)).toEqual(plaintext);
    expect(asked).toEqual(["a", "b"]);
    expect(await rejectionOf(decryptLongPayload([key], encrypted, extra))).toBe("decrypt_failed");
    expect(await rejectionOf(decryptLongPayload([], encrypted, extra))).toBe("decrypt_failed");
    expect(await rejectionOf(decryptLongPayload([other], encrypted.subarray(0, 28), extra))).toBe("decrypt_failed");
  });

  it("goes on to the next key if a crypto rejects, and never passes its error on", async () => {
    const error = new Error("the crypto's own");
    expect(await decryptLongPayload([failing(error), other], encrypted, extra)).toEqual(plaintext);
    await expect(decryptLongPayload([key, failing(error)], encrypted, extra)).rejects.toMatchObject({
      reason: "decrypt_failed",
      cause: error,
    });
  });
});

describe("a cipher with fixed keys", () => {
  it("encrypts with the first key, and decrypts with each", async () => {
    const cipher = fixedKeysCipher([key, other], 0);
    expect(cipher).toMatchObject({ isOn: true, encrypts: true, verifyIncoming: true, version: 0 });
    for (const encrypted of [cipher.encrypt(plaintext, extra, 2), await cipher.encryptLong(plaintext, extra, 2)]) {
      expect(encrypted).toHaveLength(2 + encryptedLength(0, plaintext.length));
      expect(decryptPayload([key], encrypted.subarray(2), extra)).toEqual(plaintext);
    }
    const byOther = encryptPayload(other, 1, plaintext, extra, 0);
    expect(cipher.decrypt(byOther, extra)).toEqual(plaintext);
    expect(await cipher.decryptLong(byOther, extra)).toEqual(plaintext);
  });
});

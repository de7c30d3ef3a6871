import { createCipheriv, createDecipheriv, randomBytes, type CipherGCMTypes } from "node:crypto";
import type { AesGcm, Crypto } from "../../src/ports/crypto.ts";
import { fixedKeysCipher, type PayloadCipher } from "../../src/wire/encryption.ts";

/** AES-GCM of Node. A test that compares bytes passes the nonces; they are random by default. */
export function aes(key: Uint8Array, nextNonce: () => Uint8Array = () => randomBytes(12)): AesGcm {
  const algorithm = `aes-${key.length * 8}-gcm` as CipherGCMTypes;
  return {
    encrypt: (plaintext, additionalData, headroom) => {
      const nonce = nextNonce();
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(additionalData);
      const parts = [new Uint8Array(headroom), nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
      return new Uint8Array(Buffer.concat(parts));
    },
    decrypt: (encrypted, additionalData) => {
      const decipher = createDecipheriv(algorithm, key, encrypted.subarray(0, 12)).setAAD(additionalData);
      decipher.setAuthTag(encrypted.subarray(-16));
      try {
        return new Uint8Array(Buffer.concat([decipher.update(encrypted.subarray(12, -16)), decipher.final()]));
      } catch {
        return undefined;
      }
    },
  };
}

export const aesCrypto: Crypto = { aesGcm: (key) => aes(key) };

/** No encryption at all: nonce and tag are zeros, and the plaintext stands between them to be seen and changed. */
export const transparent: AesGcm = {
  encrypt: (plaintext, _additionalData, headroom) => {
    const encrypted = new Uint8Array(headroom + 12 + plaintext.length + 16);
    encrypted.set(plaintext, headroom + 12);
    return encrypted;
  },
  decrypt: (encrypted) => encrypted.slice(12, -16),
};

/** See {@link fixedKeysCipher}, with some fields changed. */
export function cipherOf(keys: readonly AesGcm[], fields: Partial<PayloadCipher> = {}): PayloadCipher {
  return { ...fixedKeysCipher(keys, fields.version ?? 1), ...fields };
}

/** A key, or anything else, that is the same in each run. */
export function patterned(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => (seed * 37 + i * 11 + (i >> 8)) & 0xff);
}

/** A copy with one bit changed. */
export function flipped(bytes: Uint8Array, at: number, bit: number = 1): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] as number) ^ bit;
  return copy;
}

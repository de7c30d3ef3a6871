import { createCipheriv, createDecipheriv, randomBytes, type CipherGCMTypes } from "node:crypto";
import type { AesGcm, Crypto } from "../../src/ports/crypto.ts";
import {
  decryptLongPayload,
  decryptPayload,
  encryptLongPayload,
  encryptPayload,
  type EncryptionVersion,
  type PayloadCipher,
} from "../../src/wire/encryption.ts";

/** AES-GCM that is not ours; with the nonces it is given, where bytes are to be foreseen. */
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

/** A cipher whose keys stay as they are. The first encrypts. */
export function cipherOf(keys: readonly AesGcm[], fields: Partial<PayloadCipher> = {}): PayloadCipher {
  const version: EncryptionVersion = fields.version ?? 1;
  return {
    isOn: true,
    encrypts: true,
    verifyIncoming: true,
    version,
    encrypt: (payload, additionalData, headroom) => encryptPayload(keys[0] as AesGcm, version, payload, additionalData, headroom),
    decrypt: (payload, additionalData) => decryptPayload(keys, payload, additionalData),
    encryptLong: (payload, additionalData, headroom) =>
      encryptLongPayload(keys[0] as AesGcm, version, payload, additionalData, headroom),
    decryptLong: (payload, additionalData) => decryptLongPayload(keys, payload, additionalData),
    ...fields,
  };
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

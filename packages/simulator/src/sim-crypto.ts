import { createCipheriv, createDecipheriv, type CipherGCMTypes } from "node:crypto";
import type { AesGcm, Crypto, Random } from "@memberlist/core";
import { nonceSize, tagSize } from "@memberlist/core/internal";

/** AES-GCM with nonces from the simulation's seed, so that a run with encryption is reproducible. Never use it for real traffic. */
export function simCrypto(random: Random): Crypto {
  const nonce = (): Uint8Array => Uint8Array.from({ length: nonceSize }, () => Math.floor(random.next() * 256));
  return { aesGcm: (key) => aesGcm(new Uint8Array(key), nonce) };
}

function aesGcm(key: Uint8Array, nextNonce: () => Uint8Array): AesGcm {
  const algorithm = `aes-${key.length * 8}-gcm` as CipherGCMTypes;
  return {
    encrypt: (plaintext, additionalData, headroom) => {
      const nonce = nextNonce();
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(additionalData);
      const encrypted = new Uint8Array(headroom + nonceSize + plaintext.length + tagSize);
      encrypted.set(nonce, headroom);
      // A stream cipher encrypts each byte at once, so that final() returns no bytes.
      encrypted.set(cipher.update(plaintext), headroom + nonceSize);
      cipher.final();
      encrypted.set(cipher.getAuthTag(), headroom + nonceSize + plaintext.length);
      return encrypted;
    },
    decrypt: (encrypted, additionalData) => {
      const tagAt = encrypted.length - tagSize;
      const decipher = createDecipheriv(algorithm, key, encrypted.subarray(0, nonceSize)).setAAD(additionalData);
      decipher.setAuthTag(encrypted.subarray(tagAt));
      const plaintext = new Uint8Array(decipher.update(encrypted.subarray(nonceSize, tagAt)));
      try {
        decipher.final();
        return plaintext;
      } catch {
        return undefined;
      }
    },
  };
}

import { createCipheriv, createDecipheriv, type CipherGCMTypes } from "node:crypto";
import type { AesGcm, Crypto, Random } from "@memberlist/core";
import { nonceSize, tagSize } from "@memberlist/core/internal";

/** AES-GCM whose nonces are of the simulation's seed, so that a run with encryption is the same run again. For nothing that is real. */
export function simCrypto(random: Random): Crypto {
  const nonce = (): Uint8Array => Uint8Array.from({ length: nonceSize }, () => Math.floor(random.next() * 256));
  return { aesGcm: (key) => aesGcm(new Uint8Array(key), nonce) };
}

function aesGcm(key: Uint8Array, nextNonce: () => Uint8Array): AesGcm {
  const algorithm = `aes-${key.length * 8}-gcm` as CipherGCMTypes;
  return {
    seal: (plaintext, additionalData, headroom) => {
      const nonce = nextNonce();
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(additionalData);
      const sealed = new Uint8Array(headroom + nonceSize + plaintext.length + tagSize);
      sealed.set(nonce, headroom);
      // Of a stream cipher nothing is left for the end.
      sealed.set(cipher.update(plaintext), headroom + nonceSize);
      cipher.final();
      sealed.set(cipher.getAuthTag(), headroom + nonceSize + plaintext.length);
      return sealed;
    },
    open: (sealed, additionalData) => {
      const tagAt = sealed.length - tagSize;
      const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceSize)).setAAD(additionalData);
      decipher.setAuthTag(sealed.subarray(tagAt));
      const plaintext = new Uint8Array(decipher.update(sealed.subarray(nonceSize, tagAt)));
      try {
        decipher.final();
        return plaintext;
      } catch {
        return undefined;
      }
    },
  };
}

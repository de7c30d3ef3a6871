import { type AesGcm, type Crypto, randomBytes } from "../ports/crypto.ts";
import { nonceSize, tagSize } from "../wire/constants.ts";

/** AES-GCM in pure JavaScript (`@noble/ciphers`), for transports that bring no crypto: several times slower than what a runtime has. */
export async function loadFallbackCrypto(): Promise<Crypto> {
  const { gcm } = await import("@noble/ciphers/aes.js");
  return {
    aesGcm(key: Uint8Array): AesGcm {
      const kept = key.slice();
      return {
        encrypt: (plaintext, additionalData, headroom) => {
          const nonce = randomBytes(nonceSize);
          const encrypted = new Uint8Array(headroom + nonceSize + plaintext.length + tagSize);
          encrypted.set(nonce, headroom);
          encrypted.set(gcm(kept, nonce, additionalData).encrypt(plaintext), headroom + nonceSize);
          return encrypted;
        },
        decrypt: (encrypted, additionalData) => {
          try {
            return gcm(kept, encrypted.subarray(0, nonceSize), additionalData).decrypt(encrypted.subarray(nonceSize));
          } catch {
            // Another key, other additional data, and tampering look the same here.
            return undefined;
          }
        },
      };
    },
  };
}

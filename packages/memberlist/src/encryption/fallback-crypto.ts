import type { AesGcm, Crypto } from "../ports/crypto.ts";
import { randomBytes } from "../ports/web-crypto.ts";
import { nonceSize, tagSize } from "../wire/constants.ts";

/** AES-GCM in pure JavaScript (`@noble/ciphers`), for transports that bring no crypto: several times slower than what a runtime has. */
export async function loadFallbackCrypto(): Promise<Crypto> {
  const { gcm } = await import("@noble/ciphers/aes.js");
  return {
    aesGcm(key: Uint8Array): AesGcm {
      const kept = key.slice();
      return {
        seal: (plaintext, additionalData, headroom) => {
          const nonce = randomBytes(nonceSize);
          const sealed = new Uint8Array(headroom + nonceSize + plaintext.length + tagSize);
          sealed.set(nonce, headroom);
          sealed.set(gcm(kept, nonce, additionalData).encrypt(plaintext), headroom + nonceSize);
          return sealed;
        },
        open: (sealed, additionalData) => {
          try {
            return gcm(kept, sealed.subarray(0, nonceSize), additionalData).decrypt(sealed.subarray(nonceSize));
          } catch {
            // Another key, other additional data, or tampered with: nothing tells which.
            return undefined;
          }
        },
      };
    },
  };
}

import { createCipheriv, createDecipheriv } from "node:crypto";
import { crc32 } from "node:zlib";
import { gcm } from "@noble/ciphers/aes.js";
import type { AesGcm, Crypto } from "@memberlist/core";
import { nonceSize, plainView, tagSize } from "@memberlist/core/internal";

const name = "AES-GCM";
const options = { authTagLength: tagSize } as const;

type WebKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** AES-GCM without the layout around it. */
interface RawCipher {
  /** @returns ciphertext and tag, in any number of parts */
  encrypt(nonce: Uint8Array, plaintext: Uint8Array, additionalData: Uint8Array): readonly Uint8Array[];
  /** @throws Error when the tag is wrong */
  decrypt(nonce: Uint8Array, encrypted: Uint8Array, additionalData: Uint8Array): Uint8Array;
}

/**
 * AES-GCM by Deno's `node:crypto`, which has it for keys of 16 and 32 bytes; keys of 24 bytes use `@noble/ciphers`. Long messages use WebCrypto,
 * which works in a thread of Deno's own and needs no permission. WebCrypto answers with promises only, so it cannot encrypt a packet while it is sent.
 */
export const denoCrypto: Crypto = {
  crc32: (bytes) => crc32(bytes),
  aesGcm(key: Uint8Array): AesGcm {
    const kept = key.slice();
    const whole = aesGcmBy(kept.length === 24 ? nobleCipher(kept) : nativeCipher(kept));
    let imported: Promise<WebKey> | undefined;
    const webKey = (): Promise<WebKey> =>
      (imported ??= crypto.subtle.importKey("raw", kept, name, false, ["encrypt", "decrypt"]));
    return {
      ...whole,
      encryptLong: async (plaintext, additionalData, headroom) => {
        const nonce = crypto.getRandomValues(new Uint8Array(nonceSize));
        const parameters = { name, iv: nonce, additionalData: owned(additionalData) };
        const encrypted = await crypto.subtle.encrypt(parameters, await webKey(), owned(plaintext));
        const framed = new Uint8Array(headroom + nonceSize + encrypted.byteLength);
        framed.set(nonce, headroom);
        framed.set(new Uint8Array(encrypted), headroom + nonceSize);
        return framed;
      },
      decryptLong: async (encrypted, additionalData) => {
        const parameters = { name, iv: owned(encrypted.subarray(0, nonceSize)), additionalData: owned(additionalData) };
        try {
          return new Uint8Array(await crypto.subtle.decrypt(parameters, await webKey(), owned(encrypted.subarray(nonceSize))));
        } catch {
          return undefined;
        }
      },
    };
  },
};

function aesGcmBy(cipher: RawCipher): AesGcm {
  return {
    encrypt: (plaintext, additionalData, headroom) => {
      const nonce = crypto.getRandomValues(new Uint8Array(nonceSize));
      const encrypted = new Uint8Array(headroom + nonceSize + plaintext.length + tagSize);
      encrypted.set(nonce, headroom);
      let at = headroom + nonceSize;
      for (const part of cipher.encrypt(nonce, plaintext, additionalData)) {
        encrypted.set(part, at);
        at += part.length;
      }
      return encrypted;
    },
    decrypt: (encrypted, additionalData) => {
      try {
        return cipher.decrypt(encrypted.subarray(0, nonceSize), encrypted.subarray(nonceSize), additionalData);
      } catch {
        // Another key, other additional data, or tampered with: the error does not show which.
        return undefined;
      }
    },
  };
}

/** WebCrypto reads no memory that threads share; that is the type's only doubt. */
function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

function nativeCipher(key: Uint8Array): RawCipher {
  const algorithm = key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
  return {
    encrypt: (nonce, plaintext, additionalData) => {
      const cipher = createCipheriv(algorithm, key, nonce, options);
      if (additionalData.length > 0) cipher.setAAD(additionalData);
      const ciphertext = cipher.update(plaintext);
      cipher.final();
      return [ciphertext, cipher.getAuthTag()];
    },
    decrypt: (nonce, encrypted, additionalData) => {
      const tagAt = encrypted.length - tagSize;
      const decipher = createDecipheriv(algorithm, key, nonce, options);
      if (additionalData.length > 0) decipher.setAAD(additionalData);
      decipher.setAuthTag(encrypted.subarray(tagAt));
      const plaintext = decipher.update(encrypted.subarray(0, tagAt));
      decipher.final();
      return plainView(plaintext);
    },
  };
}

function nobleCipher(key: Uint8Array): RawCipher {
  return {
    encrypt: (nonce, plaintext, additionalData) => [gcm(key, nonce, additionalData).encrypt(plaintext)],
    decrypt: (nonce, encrypted, additionalData) => gcm(key, nonce, additionalData).decrypt(encrypted),
  };
}

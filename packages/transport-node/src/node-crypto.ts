import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomFillSync,
  type CipherGCMTypes,
  type Decipher,
  type KeyObject,
} from "node:crypto";
import { crc32 } from "node:zlib";
import type { AesGcm, Crypto, Offload } from "@memberlist/core";
import { nonceSize, packetBytes, plainView, tagSize } from "@memberlist/core/internal";

/** Nonces are drawn many at a time: asking the system for 12 bytes costs as much as asking for 12,000. */
const noncesPerDraw = 1024;
/** OpenSSL's outputs are memory of their own: many short ones use the same again, a long one is fetched from the system and costs more than AES. */
const updatedInOneGo = 64 * 1024;
const options = { authTagLength: tagSize } as const;

/**
 * AES-GCM by `node:crypto` (OpenSSL), with prepared keys and a pool of random nonces, and CRC-32 by `node:zlib`. The pool is memory: a snapshot of
 * a running process that is started twice would use its nonces twice.
 */
export class NodeCrypto implements Crypto {
  readonly offload: Offload | undefined;
  readonly crc32 = (bytes: Uint8Array): number => crc32(bytes);
  readonly #nonces: Uint8Array = new Uint8Array(nonceSize * noncesPerDraw);
  #nextNonce = this.#nonces.length;

  /** @param offload where the long work of streams is done; absent: on the event loop */
  constructor(offload?: Offload) {
    this.offload = offload;
  }

  aesGcm(key: Uint8Array): AesGcm {
    const keyObject = createSecretKey(key);
    const algorithm = algorithmOf(key.length);
    return {
      seal: (plaintext, additionalData, headroom) => this.#seal(algorithm, keyObject, plaintext, additionalData, headroom),
      open: (sealed, additionalData) => open(algorithm, keyObject, sealed, additionalData),
    };
  }

  #seal(
    algorithm: CipherGCMTypes,
    key: KeyObject,
    plaintext: Uint8Array,
    additionalData: Uint8Array,
    headroom: number,
  ): Uint8Array {
    const sealed = packetBytes(headroom + nonceSize + plaintext.length + tagSize);
    const nonce = this.#drawNonce();
    const cipher = createCipheriv(algorithm, key, nonce, options);
    if (additionalData.length > 0) cipher.setAAD(additionalData);
    sealed.set(nonce, headroom);
    for (let from = 0; from < plaintext.length; from += updatedInOneGo) {
      sealed.set(cipher.update(partOf(plaintext, from)), headroom + nonceSize + from);
    }
    cipher.final();
    sealed.set(cipher.getAuthTag(), headroom + nonceSize + plaintext.length);
    return sealed;
  }

  /** @returns a view of the pool, where no other draw writes until the pool is used up */
  #drawNonce(): Uint8Array {
    if (this.#nextNonce === this.#nonces.length) {
      randomFillSync(this.#nonces);
      this.#nextNonce = 0;
    }
    const nonce = this.#nonces.subarray(this.#nextNonce, this.#nextNonce + nonceSize);
    this.#nextNonce += nonceSize;
    return nonce;
  }
}

function open(algorithm: CipherGCMTypes, key: KeyObject, sealed: Uint8Array, additionalData: Uint8Array): Uint8Array | undefined {
  const tagAt = sealed.length - tagSize;
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceSize), options);
  if (additionalData.length > 0) decipher.setAAD(additionalData);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const ciphertext = sealed.subarray(nonceSize, tagAt);
  const plaintext = update(decipher, ciphertext);
  try {
    decipher.final();
  } catch {
    // Another key, other additional data, or tampered with: nothing tells which.
    return undefined;
  }
  return plainView(plaintext);
}

/** Into memory of its own. */
function update(decipher: Decipher, ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length <= updatedInOneGo) return decipher.update(ciphertext);
  const plaintext = new Uint8Array(ciphertext.length);
  for (let from = 0; from < ciphertext.length; from += updatedInOneGo) {
    plaintext.set(decipher.update(partOf(ciphertext, from)), from);
  }
  return plaintext;
}

function partOf(bytes: Uint8Array, from: number): Uint8Array {
  return bytes.length <= updatedInOneGo ? bytes : bytes.subarray(from, from + updatedInOneGo);
}

function algorithmOf(keySize: number): CipherGCMTypes {
  if (keySize === 16) return "aes-128-gcm";
  return keySize === 24 ? "aes-192-gcm" : "aes-256-gcm";
}

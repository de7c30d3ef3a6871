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
import type { AesGcm } from "@memberlist/core";
import { nonceSize, packetBytes, plainView, tagSize, type StreamWorkers, type WorkerCrypto } from "@memberlist/core/internal";

/** Nonces are drawn many at a time: asking the system for 12 bytes costs as much as asking for 12,000. */
const noncesPerDraw = 1024;
/** OpenSSL's outputs are memory of their own: many short ones use the same again, a long one is fetched from the system and costs more than AES. */
const updatedInOneGo = 64 * 1024;
const options = { authTagLength: tagSize } as const;

/**
 * AES-GCM by `node:crypto` (OpenSSL), with prepared keys and a pool of random nonces, and CRC-32 by `node:zlib`. The pool is memory: an image of
 * a running process that is started twice would use its nonces twice.
 */
export class NodeCrypto implements WorkerCrypto {
  readonly streamWorkers: StreamWorkers | undefined;
  readonly crc32 = (bytes: Uint8Array): number => crc32(bytes);
  readonly #nonces: Uint8Array = new Uint8Array(nonceSize * noncesPerDraw);
  #nextNonce = this.#nonces.length;

  /** @param streamWorkers encode and decode long stream messages; absent: the event loop does */
  constructor(streamWorkers?: StreamWorkers) {
    this.streamWorkers = streamWorkers;
  }

  aesGcm(key: Uint8Array): AesGcm {
    const keyObject = createSecretKey(key);
    const algorithm = algorithmOf(key.length);
    return {
      encrypt: (plaintext, additionalData, headroom) => this.#encrypt(algorithm, keyObject, plaintext, additionalData, headroom),
      decrypt: (encrypted, additionalData) => decrypt(algorithm, keyObject, encrypted, additionalData),
    };
  }

  #encrypt(
    algorithm: CipherGCMTypes,
    key: KeyObject,
    plaintext: Uint8Array,
    additionalData: Uint8Array,
    headroom: number,
  ): Uint8Array {
    const encrypted = packetBytes(headroom + nonceSize + plaintext.length + tagSize);
    const nonce = this.#drawNonce();
    const cipher = createCipheriv(algorithm, key, nonce, options);
    if (additionalData.length > 0) cipher.setAAD(additionalData);
    encrypted.set(nonce, headroom);
    for (let from = 0; from < plaintext.length; from += updatedInOneGo) {
      encrypted.set(cipher.update(partOf(plaintext, from)), headroom + nonceSize + from);
    }
    cipher.final();
    encrypted.set(cipher.getAuthTag(), headroom + nonceSize + plaintext.length);
    return encrypted;
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

function decrypt(
  algorithm: CipherGCMTypes,
  key: KeyObject,
  encrypted: Uint8Array,
  additionalData: Uint8Array,
): Uint8Array | undefined {
  const tagAt = encrypted.length - tagSize;
  const decipher = createDecipheriv(algorithm, key, encrypted.subarray(0, nonceSize), options);
  if (additionalData.length > 0) decipher.setAAD(additionalData);
  decipher.setAuthTag(encrypted.subarray(tagAt));
  const ciphertext = encrypted.subarray(nonceSize, tagAt);
  const plaintext = update(decipher, ciphertext);
  try {
    decipher.final();
  } catch {
    // Another key, other additional data, or tampered with: the error does not show which.
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

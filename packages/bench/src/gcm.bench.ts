import { createCipheriv, createDecipheriv, createSecretKey, randomFillSync } from "node:crypto";
import { bench, describe } from "vitest";
import { packetBytes } from "../../memberlist/src/wire/packet-bytes.ts";
import { NodeCodec } from "../../transport-node/src/node-codec.ts";
import { randomBytes } from "./payloads.ts";

const none = new Uint8Array(0);
const secret = randomBytes(32);
const options = { authTagLength: 16 } as const;

/** What there is without WebAssembly: a cipher object of OpenSSL's for each message. */
const key = createSecretKey(secret);
const nonces = new Uint8Array(12 * 1024);
let nextNonce = 0;

function seal(plaintext: Uint8Array): Uint8Array {
  if (nextNonce === 0) randomFillSync(nonces);
  const nonce = nonces.subarray(nextNonce, nextNonce + 12);
  nextNonce = (nextNonce + 12) % nonces.length;
  const sealed = packetBytes(12 + plaintext.length + 16);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, options);
  sealed.set(nonce);
  sealed.set(cipher.update(plaintext), 12);
  cipher.final();
  sealed.set(cipher.getAuthTag(), 12 + plaintext.length);
  return sealed;
}

function open(sealed: Uint8Array): Uint8Array {
  const tagAt = sealed.length - 16;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12), options);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const plaintext = decipher.update(sealed.subarray(12, tagAt));
  decipher.final();
  return plaintext;
}

describe.each([20, 100, 400, 1371])("AES-256-GCM of %i bytes", (size) => {
  const aes = new NodeCodec().aesGcm(secret);
  // Different ones in turn, as in traffic.
  const plaintexts = Array.from({ length: 64 }, (_, i) => randomBytes(size, i + 1));
  const sealed = plaintexts.map((plaintext) => new Uint8Array(seal(plaintext)));
  let i = 0;
  const next = (from: readonly Uint8Array[]): Uint8Array => from[i++ & 63] as Uint8Array;
  bench("seal, as the library does", () => void aes.seal(next(plaintexts), none, 0));
  bench("seal, by a cipher object", () => void seal(next(plaintexts)));
  bench("open, as the library does", () => void aes.open(next(sealed), none));
  bench("open, by a decipher object", () => void open(next(sealed)));
});

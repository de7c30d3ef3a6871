import type { AesGcm, Crypto } from "../ports/crypto.ts";
import type { DecodeJob, EncodeJob } from "../ports/stream-workers.ts";
import { emptyBytes } from "./bytes.ts";
import {
  decryptLongPayload,
  decryptPayload,
  encryptLongPayload,
  encryptPayload,
  type EncryptionVersion,
  type PayloadCipher,
} from "./encryption.ts";
import type { YieldToEventLoop } from "./messages/push-pull.ts";
import {
  decodeInParts,
  decodeStreamPayload,
  encodeInParts,
  encodeStreamMessage,
  type StreamPayload,
  type StreamSecurity,
} from "./stream-layers.ts";

/*
 * The jobs of StreamWorkers, done in the calling thread: an implementation runs these in its threads, and on the event loop when it has
 * none. Bytes and errors are the same as without workers, since the functions are the same.
 */

/** See {@link StreamWorkers.encode}. */
export function doEncodeJob(crypto: Crypto, message: Uint8Array, job: EncodeJob): Uint8Array {
  return encodeStreamMessage(message, job, encodeSecurity(crypto, job));
}

/** As {@link doEncodeJob}, for an event loop: with yields in between. */
export function doEncodeJobInParts(
  crypto: Crypto,
  message: Uint8Array,
  job: EncodeJob,
  yieldToEventLoop: YieldToEventLoop,
): Promise<Uint8Array> {
  return encodeInParts(message, job, encodeSecurity(crypto, job), yieldToEventLoop);
}

/** See {@link StreamWorkers.decode}. */
export function doDecodeJob(crypto: Crypto, payload: Uint8Array, job: DecodeJob): Uint8Array {
  return decodeStreamPayload(payloadOf(payload, job), job.maxDecompressedBytes, decodeSecurity(crypto, job));
}

/** As {@link doDecodeJob}, for an event loop: with yields in between. */
export function doDecodeJobInParts(
  crypto: Crypto,
  payload: Uint8Array,
  job: DecodeJob,
  yieldToEventLoop: YieldToEventLoop,
): Promise<Uint8Array> {
  return decodeInParts(payloadOf(payload, job), job.maxDecompressedBytes, decodeSecurity(crypto, job), yieldToEventLoop);
}

function encodeSecurity(crypto: Crypto, { encrypt }: EncodeJob): StreamSecurity {
  if (encrypt === undefined) return { label: emptyBytes };
  return { label: encrypt.label, cipher: cipherOf(crypto, [encrypt.key], encrypt.version) };
}

function decodeSecurity(crypto: Crypto, { decrypt }: DecodeJob): StreamSecurity {
  return decrypt === undefined ? { label: emptyBytes } : { label: decrypt.label, cipher: cipherOf(crypto, decrypt.keys, 1) };
}

function payloadOf(bytes: Uint8Array, { decrypt }: DecodeJob): StreamPayload {
  return { bytes, isEncrypted: decrypt !== undefined };
}

/** A cipher whose keys stay as they are; the first encrypts. */
function cipherOf(crypto: Crypto, keys: readonly Uint8Array[], version: EncryptionVersion): PayloadCipher {
  const prepared = keys.map((key) => crypto.aesGcm(key));
  return {
    isOn: true,
    encrypts: true,
    verifyIncoming: true,
    version,
    encrypt: (payload, additionalData, headroom) =>
      encryptPayload(prepared[0] as AesGcm, version, payload, additionalData, headroom),
    decrypt: (payload, additionalData) => decryptPayload(prepared, payload, additionalData),
    encryptLong: (payload, additionalData, headroom) =>
      encryptLongPayload(prepared[0] as AesGcm, version, payload, additionalData, headroom),
    decryptLong: (payload, additionalData) => decryptLongPayload(prepared, payload, additionalData),
  };
}

import type { YieldToEventLoop } from "../ports/clock.ts";
import type { Crypto } from "../ports/crypto.ts";
import { fixedKeysCipher, type EncryptionVersion, type PayloadCipher } from "./encryption.ts";
import {
  decodeInParts,
  decodeStreamPayload,
  encodeInParts,
  encodeStreamMessage,
  noSecurity,
  type StreamPayload,
  type StreamSecurity,
} from "./stream-layers.ts";

/**
 * Encodes and decodes long stream messages (compression and encryption: some 250 ms for 20 MiB) off the event loop, such as in a pool of
 * threads. Several jobs may run at once, and the jobs of different streams may end in any order.
 *
 * Neither method changes or transfers the bytes that it is given: the caller may go on reading them. Where a job has to wait, `isWanted` is
 * called before it begins: when it returns false (the stream is closed), the job fails with `aborted`. So jobs that an attacker has abandoned
 * do not delay other jobs.
 *
 * Internal: only our own transports have workers. Other transports bring at most a {@link Crypto}.
 */
export interface StreamWorkers {
  /** Messages of at least so many bytes are done here; shorter ones on the event loop, in parts where that takes long. */
  readonly threshold: number;
  /**
   * Compresses and encrypts a message, as the job says.
   *
   * @returns the bytes for the stream
   * @throws MemberlistError `message_too_large`; `aborted`; `shutdown` once the transport is shut down
   */
  encode(message: Uint8Array, job: EncodeJob, isWanted?: () => boolean): Promise<Uint8Array>;
  /**
   * Decrypts and decompresses a message.
   *
   * @param payload with `job.decrypt`: version, nonce, ciphertext, tag; without: the bytes after the type byte of a compress message
   * @returns the message, type byte first
   * @throws the errors of the same work on the event loop: DecodeError, or MemberlistError; `aborted`; `shutdown` once the transport is shut down
   */
  decode(payload: Uint8Array, job: DecodeJob, isWanted?: () => boolean): Promise<Uint8Array>;
}

/** How to encode a stream message. It can be cloned to another thread. */
export interface EncodeJob {
  readonly compress: boolean;
  /** Absent: it stays plaintext. The additional data is the header, which depends on the length, and the label. */
  readonly encrypt?: { readonly key: Uint8Array; readonly version: EncryptionVersion; readonly label: Uint8Array };
}

/** How to decode a stream message. It can be cloned to another thread. */
export interface DecodeJob {
  /** Absent: it is not encrypted. The keys are tried in turn. */
  readonly decrypt?: { readonly keys: readonly Uint8Array[]; readonly label: Uint8Array };
  /** Of the message, once it is decompressed. */
  readonly maxDecompressedBytes: number;
}

/** The crypto of a transport that has workers. */
export interface WorkerCrypto extends Crypto {
  readonly streamWorkers: StreamWorkers | undefined;
}

/** The workers of a transport; undefined where it has none. */
export function streamWorkersOf(crypto: Crypto | undefined): StreamWorkers | undefined {
  return (crypto as Partial<WorkerCrypto> | undefined)?.streamWorkers;
}

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
  if (encrypt === undefined) return noSecurity;
  return { label: encrypt.label, cipher: cipherOf(crypto, [encrypt.key], encrypt.version) };
}

function decodeSecurity(crypto: Crypto, { decrypt }: DecodeJob): StreamSecurity {
  return decrypt === undefined ? noSecurity : { label: decrypt.label, cipher: cipherOf(crypto, decrypt.keys, 1) };
}

function payloadOf(bytes: Uint8Array, { decrypt }: DecodeJob): StreamPayload {
  return { bytes, isEncrypted: decrypt !== undefined };
}

function cipherOf(crypto: Crypto, keys: readonly Uint8Array[], version: EncryptionVersion): PayloadCipher {
  return fixedKeysCipher(
    keys.map((key) => crypto.aesGcm(key)),
    version,
  );
}

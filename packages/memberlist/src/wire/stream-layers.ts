import { MemberlistError } from "../api/errors.ts";
import { concatBytes, emptyBytes } from "./bytes.ts";
import { compressInParts, compressMessage, decompressBody, decompressInParts } from "./compression/compress.ts";
import { messageType } from "./constants.ts";
import { maxPushStateBytes } from "./input-limits.ts";
import { DecodeError } from "./errors.ts";
import type { YieldToEventLoop } from "../ports/clock.ts";
import { encryptedLength, type PayloadCipher } from "./encryption.ts";
import { StreamReader } from "./stream-reader.ts";

export interface StreamSecurity {
  /** Ours; it is authenticated along with an encrypted message. Empty for none. */
  readonly label: Uint8Array;
  /** Undefined: no encryption. */
  readonly cipher?: PayloadCipher | undefined;
  /** Called with the length of each inbound encrypted message, in bytes, before it is read. */
  readonly onEncryptedSize?: (bytes: number) => void;
}

/** An encoded message, as it was read from a stream. */
export interface StreamPayload {
  /** Encrypted: version, nonce, ciphertext, tag. Else: what follows the type byte of a compress message. */
  readonly bytes: Uint8Array;
  readonly isEncrypted: boolean;
}

/** The type byte and the length of an encrypted message. */
export const encryptHeaderSize = 5;
/** Go's bound for one encrypted message, which ours never exceeds. */
export const maxEncryptedBytes: number = maxPushStateBytes;
/** The bytes that the map of a compress message adds to the compressed bytes, with room to spare. */
const compressOverhead = 64;

/** No label and no encryption. */
export const noSecurity: StreamSecurity = { label: emptyBytes };

/**
 * The layers that a message gets on a stream: compressed whenever compression is on, smaller or not (but not when that alone
 * makes it too large), then encrypted.
 *
 * @throws MemberlistError `message_too_large` where no peer would take it, because it is encrypted and over 20 MiB then
 */
export function encodeStreamMessage(
  message: Uint8Array,
  options: { readonly compress: boolean },
  security: StreamSecurity = noSecurity,
): Uint8Array {
  return encrypt(message, options.compress ? compressMessage(message) : message, security);
}

/** As {@link encodeStreamMessage}, with yields while it compresses, and encrypted off the event loop where that can be. `message` may not change meanwhile. */
export async function encodeInParts(
  message: Uint8Array,
  options: { readonly compress: boolean },
  security: StreamSecurity,
  yieldToEventLoop: YieldToEventLoop,
): Promise<Uint8Array> {
  const compressed = options.compress ? await compressInParts(message, yieldToEventLoop) : message;
  const { cipher } = security;
  if (cipher?.encrypts !== true) return compressed;
  const { payload, header, additionalData } = toEncrypt(message, compressed, cipher, security.label);
  return withHeader(await cipher.encryptLong(payload, additionalData, encryptHeaderSize), header);
}

function encrypt(message: Uint8Array, compressed: Uint8Array, { label, cipher }: StreamSecurity): Uint8Array {
  if (cipher?.encrypts !== true) return compressed;
  const { payload, header, additionalData } = toEncrypt(message, compressed, cipher, label);
  return withHeader(cipher.encrypt(payload, additionalData, encryptHeaderSize), header);
}

function toEncrypt(
  message: Uint8Array,
  compressed: Uint8Array,
  cipher: PayloadCipher,
  label: Uint8Array,
): { readonly payload: Uint8Array; readonly header: Uint8Array; readonly additionalData: Uint8Array } {
  const sizeOf = ({ length }: Uint8Array): number => encryptedLength(cipher.version, length);
  const fits = (bytes: Uint8Array): boolean => sizeOf(bytes) <= maxEncryptedBytes;
  const payload = fits(compressed) ? compressed : message;
  const size = sizeOf(payload);
  if (!fits(payload)) {
    throw new MemberlistError(
      "message_too_large",
      `a stream message of ${size} bytes, encrypted, exceeds what peers accept (${maxEncryptedBytes})`,
      { details: { size, limit: maxEncryptedBytes } },
    );
  }
  const header = encryptHeader(size);
  return { payload, header, additionalData: concatBytes(header, label) };
}

function withHeader(encrypted: Uint8Array, header: Uint8Array): Uint8Array {
  encrypted.set(header);
  return encrypted;
}

/**
 * The message of a payload, type byte first: decrypted, then decompressed if it was compressed.
 *
 * @throws MemberlistError `limit_exceeded`, `stream_closed` (an encrypted message that is cut off inside), `protocol_error` (an empty
 *   one); DecodeError: `decrypt_failed`, `too_large`, …
 */
export function decodeStreamPayload(
  payload: StreamPayload,
  maxDecompressedBytes: number,
  security: Pick<StreamSecurity, "label" | "cipher"> = noSecurity,
): Uint8Array {
  const message = payload.isEncrypted ? decrypting(payload.bytes, security).now() : undefined;
  const { bytes, isCompressed } = withoutEncryption(payload, message, maxDecompressedBytes);
  return isCompressed ? notEmpty(decompressBody(bytes, maxDecompressedBytes)) : bytes;
}

/** As {@link decodeStreamPayload}, decrypted off the event loop where that can be, and with yields while it decompresses. */
export async function decodeInParts(
  payload: StreamPayload,
  maxDecompressedBytes: number,
  security: Pick<StreamSecurity, "label" | "cipher">,
  yieldToEventLoop: YieldToEventLoop,
): Promise<Uint8Array> {
  const message = payload.isEncrypted ? await decrypting(payload.bytes, security).long() : undefined;
  const { bytes, isCompressed } = withoutEncryption(payload, message, maxDecompressedBytes);
  return isCompressed ? notEmpty(await decompressInParts(bytes, maxDecompressedBytes, yieldToEventLoop)) : bytes;
}

/** Decrypts a message, at once or off the event loop. @throws DecodeError without keys */
function decrypting(
  bytes: Uint8Array,
  { label, cipher }: Pick<StreamSecurity, "label" | "cipher">,
): { now(): Uint8Array; long(): Promise<Uint8Array> } {
  if (cipher?.isOn !== true) throw noKeys();
  const additionalData = concatBytes(encryptHeader(bytes.length), label);
  return { now: () => cipher.decrypt(bytes, additionalData), long: () => cipher.decryptLong(bytes, additionalData) };
}

/**
 * What is left without the encryption: a message, or what follows the type byte of a compress message.
 *
 * @param message undefined: it was not encrypted
 */
function withoutEncryption(
  { bytes }: StreamPayload,
  message: Uint8Array | undefined,
  maxDecompressedBytes: number,
): { readonly bytes: Uint8Array; readonly isCompressed: boolean } {
  if (message === undefined) return { bytes, isCompressed: true };
  if (message.length === 0) throw new MemberlistError("protocol_error", "decrypted message is empty");
  if (message[0] !== messageType.compress) return { bytes: message, isCompressed: false };
  const object = new StreamReader(message.subarray(1)).tryObject(maxCompressed(maxDecompressedBytes), "maxDecompressedBytes");
  if (object === undefined) {
    throw new MemberlistError("stream_closed", "the stream ended within a message", { details: { clean: false } });
  }
  return { bytes: object, isCompressed: true };
}

function notEmpty(message: Uint8Array): Uint8Array {
  if (message.length === 0) throw new MemberlistError("protocol_error", "decompressed message is empty");
  return message;
}

export function noKeys(): DecodeError {
  return new DecodeError("decrypt_failed", "an encrypted message, but this node has no key: set secretKey");
}

/** Compressed, a byte costs 12 bits at most and a dictionary of 3,838 codes one more. */
export function maxCompressed(bytes: number): number {
  return bytes + Math.ceil(bytes * 0.51) + compressOverhead;
}

function encryptHeader(size: number): Uint8Array {
  return Uint8Array.of(messageType.encrypt, size >>> 24, size >>> 16, size >>> 8, size);
}

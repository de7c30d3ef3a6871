import type { AesGcm } from "../ports/crypto.ts";
import { nonceSize, tagSize } from "./constants.ts";
import { DecodeError } from "./errors.ts";

/** Encryption of packets, with the current keys. */
export interface PacketCipher {
  /** Whether the cipher has keys, and decrypts incoming messages. */
  readonly isOn: boolean;
  /** Whether outgoing messages are encrypted; only with keys. */
  readonly encrypts: boolean;
  /** Whether packets that fail to decrypt are rejected, rather than decoded as plaintext. */
  readonly verifyIncoming: boolean;
  /** The version that {@link encrypt} writes. */
  readonly version: EncryptionVersion;
  /** See {@link encryptPayload}. */
  encrypt(payload: Uint8Array, additionalData: Uint8Array, headroom: number): Uint8Array;
  /** See {@link decryptPayload}. @throws DecodeError `decrypt_failed` */
  decrypt(payload: Uint8Array, additionalData: Uint8Array): Uint8Array;
}

/** Encryption as streams use it, too: a long payload may be encrypted off the event loop. */
export interface PayloadCipher extends PacketCipher {
  /** See {@link encryptLongPayload}. */
  encryptLong(payload: Uint8Array, additionalData: Uint8Array, headroom: number): Promise<Uint8Array>;
  /** See {@link decryptLongPayload}. Rejects as {@link decrypt} throws. */
  decryptLong(payload: Uint8Array, additionalData: Uint8Array): Promise<Uint8Array>;
}

/** How a plaintext was encrypted: 0 pads it to whole blocks, 1 does not. Source: PROTOCOL.md section 2. */
export type EncryptionVersion = 0 | 1;

const versionSize = 1;
const blockSize = 16;
/** The least size of an encrypted payload. */
const minSize = versionSize + nonceSize + tagSize;

/** The version that a node of this protocol version sends; it accepts both. */
export function encryptionVersionOf(protocolVersion: number): EncryptionVersion {
  return protocolVersion === 1 ? 0 : 1;
}

/** The most that encryption adds to a payload, in bytes. */
export function encryptOverhead(version: EncryptionVersion): number {
  return version === 0 ? minSize + blockSize : minSize;
}

/** How long a payload of `size` bytes is once it is encrypted. */
export function encryptedLength(version: EncryptionVersion, size: number): number {
  return minSize + (version === 0 ? size + padding(size) : size);
}

/** A cipher whose keys do not change. The first key encrypts. */
export function fixedKeysCipher(keys: readonly AesGcm[], version: EncryptionVersion): PayloadCipher {
  const primary = keys[0] as AesGcm;
  return {
    isOn: true,
    encrypts: true,
    verifyIncoming: true,
    version,
    encrypt: (payload, additionalData, headroom) => encryptPayload(primary, version, payload, additionalData, headroom),
    decrypt: (payload, additionalData) => decryptPayload(keys, payload, additionalData),
    encryptLong: (payload, additionalData, headroom) => encryptLongPayload(primary, version, payload, additionalData, headroom),
    decryptLong: (payload, additionalData) => decryptLongPayload(keys, payload, additionalData),
  };
}

/**
 * Encrypts a payload.
 *
 * @param headroom bytes to leave free in front
 * @returns headroom, version, nonce, ciphertext, tag
 */
export function encryptPayload(
  key: AesGcm,
  version: EncryptionVersion,
  payload: Uint8Array,
  additionalData: Uint8Array,
  headroom: number,
): Uint8Array {
  return withVersion(key.encrypt(padded(version, payload), additionalData, headroom + versionSize), version, headroom);
}

/** As {@link encryptPayload}, off the event loop where the key can. */
export async function encryptLongPayload(
  key: AesGcm,
  version: EncryptionVersion,
  payload: Uint8Array,
  additionalData: Uint8Array,
  headroom: number,
): Promise<Uint8Array> {
  if (key.encryptLong === undefined) return encryptPayload(key, version, payload, additionalData, headroom);
  const encrypted = await key.encryptLong(padded(version, payload), additionalData, headroom + versionSize);
  return withVersion(encrypted, version, headroom);
}

/**
 * Decrypts a payload, trying every key. The version is not authenticated (the Go library's format has it so): where it was
 * changed to the other one, padding is taken for plaintext or plaintext for padding, and only a checksum inside shows that.
 *
 * @param payload version, nonce, ciphertext, tag
 * @throws DecodeError `decrypt_failed`
 */
export function decryptPayload(keys: readonly AesGcm[], payload: Uint8Array, additionalData: Uint8Array): Uint8Array {
  const { version, encrypted } = encryptedPart(payload);
  let cause: unknown;
  for (const key of keys) {
    let plaintext: Uint8Array | undefined;
    try {
      plaintext = key.decrypt(encrypted, additionalData);
    } catch (error) {
      // This crypto throws where it should return undefined. The next key may fit, and a packet must not stop the node.
      cause = error;
    }
    if (plaintext !== undefined) return withoutPadding(version, plaintext);
  }
  throw noKeyFits(cause);
}

/** As {@link decryptPayload}, off the event loop where the keys can. */
export async function decryptLongPayload(
  keys: readonly AesGcm[],
  payload: Uint8Array,
  additionalData: Uint8Array,
): Promise<Uint8Array> {
  const { version, encrypted } = encryptedPart(payload);
  let cause: unknown;
  for (const key of keys) {
    let plaintext: Uint8Array | undefined;
    try {
      plaintext =
        key.decryptLong === undefined ? key.decrypt(encrypted, additionalData) : await key.decryptLong(encrypted, additionalData);
    } catch (error) {
      cause = error;
    }
    if (plaintext !== undefined) return withoutPadding(version, plaintext);
  }
  throw noKeyFits(cause);
}

function encryptedPart(payload: Uint8Array): { readonly version: number; readonly encrypted: Uint8Array } {
  const [version] = payload;
  if (version === undefined) throw new DecodeError("decrypt_failed", "an empty message where an encrypted one was expected");
  if (version > 1)
    throw new DecodeError(
      "decrypt_failed",
      `it starts with ${version}, which is not an encryption version: the sender may not encrypt`,
    );
  const size = payload.length - minSize;
  // Padding adds at least a byte and makes whole blocks.
  const isPossible = version === 0 ? size >= blockSize && size % blockSize === 0 : size >= 0;
  if (!isPossible)
    throw new DecodeError(
      "decrypt_failed",
      `${payload.length} bytes are too few, or not padded, for an encrypted message of version ${version}`,
    );
  return { version, encrypted: payload.subarray(versionSize) };
}

function noKeyFits(cause: unknown): DecodeError {
  return new DecodeError(
    "decrypt_failed",
    "no key of this node decrypts it: the sender has another key or another label, or it was changed on its way",
    cause,
  );
}

function withVersion(encrypted: Uint8Array, version: EncryptionVersion, headroom: number): Uint8Array {
  encrypted[headroom] = version;
  return encrypted;
}

function padded(version: EncryptionVersion, payload: Uint8Array): Uint8Array {
  return version === 0 ? pad(payload) : payload;
}

function withoutPadding(version: number, plaintext: Uint8Array): Uint8Array {
  return version === 0 ? unpad(plaintext) : plaintext;
}

function padding(size: number): number {
  return blockSize - (size % blockSize);
}

/** PKCS#7: as many bytes as are missing to a whole block, each of that value; a whole block where none is missing. */
function pad(payload: Uint8Array): Uint8Array {
  const count = padding(payload.length);
  const whole = new Uint8Array(payload.length + count);
  whole.set(payload);
  whole.fill(count, payload.length);
  return whole;
}

function unpad(whole: Uint8Array): Uint8Array {
  const count = whole.at(-1) ?? 0;
  const start = whole.length - count;
  const isValid = count >= 1 && count <= blockSize && whole.subarray(start).every((byte) => byte === count);
  if (!isValid) throw new DecodeError("decrypt_failed", "the padding is wrong");
  return whole.subarray(0, start);
}

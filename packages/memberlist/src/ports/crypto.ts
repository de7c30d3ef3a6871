import { MemberlistError } from "../api/errors.ts";

/**
 * Encryption that a transport brings along in {@link Transport.crypto}, since each runtime has a fastest way of its own.
 * Without one the core uses `@noble/ciphers`, which runs everywhere and is several times slower.
 *
 * `encrypt` and `decrypt` are synchronous: a packet is encrypted while it is sent. WebCrypto, which only answers with promises, does not fit there.
 * One crypto may serve several nodes and several keys.
 *
 * ```ts
 * const crypto: Crypto = {
 *   aesGcm: (key) => ({
 *     encrypt: (plaintext, additionalData, headroom) => concat(new Uint8Array(headroom), nonce, ciphertext, tag),
 *     decrypt: (encrypted, additionalData) => plaintextOrUndefined,
 *   }),
 * };
 * ```
 */
export interface Crypto {
  /**
   * Prepares a key for use. Called once for each key of the keyring, when it is first needed, and again for a key that is added
   * again. The array belongs to the core: copy what is kept of it, and put it into no error.
   *
   * @param key 16, 24 or 32 bytes: AES-128, AES-192 or AES-256
   */
  aesGcm(key: Uint8Array): AesGcm;

  /** CRC-32 (IEEE) of all bytes, as an unsigned number, where the runtime has a fast one. Absent: ours. */
  readonly crc32?: (bytes: Uint8Array) => number;
}

/** AES-GCM with one key. Nonces have 12 bytes, tags 16. Source: PROTOCOL.md section 2; NIST SP 800-38D. */
export interface AesGcm {
  /**
   * Encrypts. The nonce must be new for each message under a key, whoever sends it: 12 bytes from a cryptographic source (never
   * from {@link Random}, never a counter, which all members would start at the same value).
   *
   * @param plaintext 0 bytes to some 20 MiB; not to be changed
   * @param additionalData is authenticated, not sent; may be empty
   * @param headroom how many bytes to leave free in front, for the headers of other layers
   * @returns a new array: headroom, nonce, ciphertext (as long as the plaintext), tag. An error that is thrown fails the one send
   */
  encrypt(plaintext: Uint8Array, additionalData: Uint8Array, headroom: number): Uint8Array;
  /**
   * Decrypts. It gets any bytes that the network brings, and is called for each key in turn: a wrong key is not an exception.
   *
   * @param encrypted nonce, ciphertext, tag; at least 28 bytes; not to be changed, since the next key needs it
   * @returns the plaintext, in memory of its own (a plain `Uint8Array`, not a `Buffer`); undefined when it was not encrypted with this
   *   key and this additional data. Never return any part of a plaintext whose tag is wrong
   */
  decrypt(encrypted: Uint8Array, additionalData: Uint8Array): Uint8Array | undefined;
  /** As {@link encrypt}, off the event loop, for a long stream message. The plaintext does not change meanwhile. Absent: `encrypt` does it. */
  encryptLong?(plaintext: Uint8Array, additionalData: Uint8Array, headroom: number): Promise<Uint8Array>;
  /** As {@link decrypt}, off the event loop. Absent: `decrypt` does it. */
  decryptLong?(encrypted: Uint8Array, additionalData: Uint8Array): Promise<Uint8Array | undefined>;
}

/** The part of the web-standard cryptography that the core uses: Node 20, Deno, Bun and browsers all have it. */
interface WebCrypto {
  getRandomValues(target: Uint8Array): Uint8Array;
  readonly subtle: {
    digest(algorithm: "SHA-256", bytes: Uint8Array): Promise<ArrayBuffer>;
    generateKey(algorithm: object, extractable: boolean, usages: readonly string[]): Promise<{ readonly privateKey: object }>;
    exportKey(format: "pkcs8", key: object): Promise<ArrayBuffer>;
    importKey(
      format: "spki" | "pkcs8",
      bytes: Uint8Array,
      algorithm: object,
      extractable: boolean,
      usages: readonly string[],
    ): Promise<object>;
    sign(algorithm: string, key: object, bytes: Uint8Array): Promise<ArrayBuffer>;
    verify(algorithm: string, key: object, signature: Uint8Array, bytes: Uint8Array): Promise<boolean>;
  };
}

/** The most bytes that `getRandomValues` fills in one call. */
const bytesAtOnce = 65_536;

/** @throws MemberlistError `unsupported` in a runtime without Web Crypto, because any other randomness is weaker */
export function webCrypto(): WebCrypto {
  const { crypto } = globalThis as unknown as { readonly crypto?: WebCrypto };
  if (crypto === undefined) throw new MemberlistError("unsupported", "this runtime has no crypto.getRandomValues");
  return crypto;
}

/**
 * Fresh bytes for keys and nonces, which nobody can predict. Never seeded, unlike {@link Random}: not in tests either.
 *
 * @throws MemberlistError `unsupported` as {@link webCrypto}
 */
export function randomBytes(size: number): Uint8Array {
  const crypto = webCrypto();
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += bytesAtOnce) crypto.getRandomValues(bytes.subarray(at, at + bytesAtOnce));
  return bytes;
}

/**
 * Encryption that a transport brings along in {@link Transport.codec}, because every runtime has a fastest way of its own.
 * Without one the core falls back to node-forge, which runs everywhere and is some ten times slower.
 *
 * Both sides are synchronous: a packet is encrypted while it is sent. WebCrypto, which only answers with promises, does not fit.
 * One codec may serve several nodes and several keys.
 *
 * ```ts
 * const codec: Codec = {
 *   aesGcm: (key) => ({
 *     seal: (plaintext, additionalData, headroom) => concat(new Uint8Array(headroom), nonce, ciphertext, tag),
 *     open: (sealed, additionalData) => plaintextOrUndefined,
 *   }),
 * };
 * ```
 */
export interface Codec {
  /**
   * Prepares a key for use. Called once for each key of the keyring, when it is first needed, and again for a key that comes
   * back. The array is the core's: copy what is kept of it, and put it into no error.
   *
   * @param key 16, 24 or 32 bytes: AES-128, AES-192 or AES-256
   */
  aesGcm(key: Uint8Array): AesGcm;
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
   * @returns a new array: headroom, nonce, ciphertext (as long as the plaintext), tag. What is thrown fails the one send
   */
  seal(plaintext: Uint8Array, additionalData: Uint8Array, headroom: number): Uint8Array;
  /**
   * Decrypts. It is called with whatever the network brings, and with each key in turn: a wrong key is no exception.
   *
   * @param sealed nonce, ciphertext, tag; at least 28 bytes; not to be changed, since the next key needs it
   * @returns the plaintext, in memory of its own (a plain `Uint8Array`, no `Buffer`); undefined when it was not sealed with this
   *   key and this additional data. Nothing of a plaintext whose tag is wrong may get out
   */
  open(sealed: Uint8Array, additionalData: Uint8Array): Uint8Array | undefined;
}

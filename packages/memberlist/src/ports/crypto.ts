/**
 * Encryption that a transport brings along in {@link Transport.crypto}, because every runtime has a fastest way of its own.
 * Without one the core falls back to `@noble/ciphers`, which runs everywhere and is several times slower.
 *
 * Both sides are synchronous: a packet is encrypted while it is sent. WebCrypto, which only answers with promises, does not fit.
 * One crypto may serve several nodes and several keys.
 *
 * ```ts
 * const crypto: Crypto = {
 *   aesGcm: (key) => ({
 *     seal: (plaintext, additionalData, headroom) => concat(new Uint8Array(headroom), nonce, ciphertext, tag),
 *     open: (sealed, additionalData) => plaintextOrUndefined,
 *   }),
 * };
 * ```
 */
export interface Crypto {
  /**
   * Prepares a key for use. Called once for each key of the keyring, when it is first needed, and again for a key that comes
   * back. The array is the core's: copy what is kept of it, and put it into no error.
   *
   * @param key 16, 24 or 32 bytes: AES-128, AES-192 or AES-256
   */
  aesGcm(key: Uint8Array): AesGcm;

  /** CRC-32 (IEEE) of all bytes, as an unsigned number, where the runtime has a fast one. Absent: ours. */
  readonly crc32?: (bytes: Uint8Array) => number;

  /** Where the long work of streams is done, off the event loop. Absent: on it, in parts. */
  readonly offload?: Offload;
}

/**
 * Does what a long stream message costs (compression, encryption and back: some 250 ms for 20 MiB) where it holds up nothing else,
 * such as in a pool of threads. Several jobs may run at once, and the jobs of different streams may end in any order.
 *
 * Neither method changes the bytes that it is given, nor takes them away: the caller may go on reading them. Where jobs wait for
 * their turn, `isWanted` is asked when it comes: if nobody waits for the result any more (the stream is closed), the job is not
 * begun, and fails with `aborted`. So what an attacker has left behind delays nobody.
 */
export interface Offload {
  /** Messages of at least so many bytes come here; shorter ones are done on the event loop, in parts where that takes long. */
  readonly threshold: number;
  /**
   * Compresses and encrypts a message, as the job says.
   *
   * @returns the bytes for the stream
   * @throws MemberlistError `message_too_large`; `aborted`; `shutdown` once the transport is shut down
   */
  seal(message: Uint8Array, job: EncodeJob, isWanted?: () => boolean): Promise<Uint8Array>;
  /**
   * Decrypts a message and undoes its compression.
   *
   * @param payload with `job.decrypt`: version, nonce, ciphertext, tag; without: what follows the type byte of a compress message
   * @returns the message, type byte first
   * @throws what the same work throws on the event loop: DecodeError, or MemberlistError; `aborted`; `shutdown` once the transport is shut down
   */
  open(payload: Uint8Array, job: DecodeJob, isWanted?: () => boolean): Promise<Uint8Array>;
}

/** What a message gets on a stream. It can be cloned to another thread. */
export interface EncodeJob {
  readonly compress: boolean;
  /** Absent: it stays plaintext. The additional data is the header, which the length decides, and the label. */
  readonly encrypt?: { readonly key: Uint8Array; readonly version: 0 | 1; readonly label: Uint8Array };
}

/** What a message from a stream has. It can be cloned to another thread. */
export interface DecodeJob {
  /** Absent: it is not encrypted. The keys are tried in turn. */
  readonly decrypt?: { readonly keys: readonly Uint8Array[]; readonly label: Uint8Array };
  /** Of the message, once it is decompressed. */
  readonly maxDecompressedBytes: number;
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
  /**
   * As {@link seal}, off the event loop, for a long stream message where there is no {@link Crypto.offload}. The plaintext does not change
   * meanwhile. Absent: `seal` does it.
   */
  sealLong?(plaintext: Uint8Array, additionalData: Uint8Array, headroom: number): Promise<Uint8Array>;
  /** As {@link open}, in the same way. */
  openLong?(sealed: Uint8Array, additionalData: Uint8Array): Promise<Uint8Array | undefined>;
}

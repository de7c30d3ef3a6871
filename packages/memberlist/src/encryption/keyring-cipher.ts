import type { ResolvedConfig } from "../config/config.ts";
import type { Keyring } from "./keyring.ts";
import type { AesGcm, Crypto } from "../ports/crypto.ts";
import { equalBytes } from "../wire/bytes.ts";
import {
  decryptPayload,
  decryptLongPayload,
  encryptionVersionOf,
  encryptLongPayload,
  encryptOverhead,
  encryptPayload,
  type EncryptionVersion,
  type PayloadCipher,
} from "../wire/encryption.ts";

/**
 * How many messages one key may encrypt, by all members together: up to here a repeated random nonce of 96 bits is less likely
 * than 2^-32. Source: NIST SP 800-38D, section 8.3.
 */
const messagesPerKeyMax = 2 ** 32;

export interface KeyringCipherOptions {
  readonly config: Pick<ResolvedConfig, "protocolVersion" | "gossipVerifyIncoming" | "gossipVerifyOutgoing">;
  readonly keyring: Keyring;
  readonly crypto: Crypto;
  /** Called once for each key, when all members together have probably encrypted too many messages with it. `messages` are ours. */
  readonly onKeyLimitReached: (messages: number) => void;
  /** Default 2^32. */
  readonly messagesPerKeyMax?: number;
}

interface InstalledKey {
  readonly bytes: Uint8Array;
  readonly aes: AesGcm;
  /** How many messages we have encrypted with it. */
  messages: number;
  isLimitReached: boolean;
}

/** Encrypts with the keyring's primary key and decrypts with any; follows the keyring as it changes. */
export class KeyringCipher implements PayloadCipher {
  /** See {@link Config.gossipVerifyIncoming}. May change at any time. */
  verifyIncoming: boolean;
  /** See {@link Config.gossipVerifyOutgoing}. May change at any time. */
  verifyOutgoing: boolean;
  /** How many nodes encrypt with the keys of the ring, ourselves included. The runtime keeps it up to date. */
  numMembers = 1;
  readonly version: EncryptionVersion;
  readonly #options: KeyringCipherOptions;
  readonly #messagesMax: number;
  #keys: readonly InstalledKey[] = [];
  /** The same, prepared for decryption. */
  #aesKeys: readonly AesGcm[] = [];
  #revision = -1;

  constructor(options: KeyringCipherOptions) {
    this.#options = options;
    this.#messagesMax = options.messagesPerKeyMax ?? messagesPerKeyMax;
    this.verifyIncoming = options.config.gossipVerifyIncoming;
    this.verifyOutgoing = options.config.gossipVerifyOutgoing;
    this.version = encryptionVersionOf(options.config.protocolVersion);
  }

  get isOn(): boolean {
    return this.#options.keyring.size > 0;
  }

  get encrypts(): boolean {
    return this.verifyOutgoing && this.isOn;
  }

  /** What encryption adds to a packet at most, in bytes. */
  get overhead(): number {
    return this.encrypts ? encryptOverhead(this.version) : 0;
  }

  encrypt(payload: Uint8Array, additionalData: Uint8Array, headroom: number): Uint8Array {
    this.#follow();
    const primary = this.#keys[0] as InstalledKey;
    const encrypted = encryptPayload(primary.aes, this.version, payload, additionalData, headroom);
    // After the encryption: a handler of the event may send, which reuses the memory of `payload`.
    this.#count(primary);
    return encrypted;
  }

  decrypt(payload: Uint8Array, additionalData: Uint8Array): Uint8Array {
    this.#follow();
    return decryptPayload(this.#aesKeys, payload, additionalData);
  }

  encryptLong(payload: Uint8Array, additionalData: Uint8Array, headroom: number): Promise<Uint8Array> {
    this.#follow();
    const primary = this.#keys[0] as InstalledKey;
    this.#count(primary);
    return encryptLongPayload(primary.aes, this.version, payload, additionalData, headroom);
  }

  decryptLong(payload: Uint8Array, additionalData: Uint8Array): Promise<Uint8Array> {
    this.#follow();
    return decryptLongPayload(this.#aesKeys, payload, additionalData);
  }

  /** The key for one message that workers encrypt. The array is ours. */
  takeEncryptionKey(): Uint8Array {
    this.#follow();
    const primary = this.#keys[0] as InstalledKey;
    this.#count(primary);
    return primary.bytes;
  }

  /** All keys, in the order in which they are tried, for a message that workers decrypt. The arrays are ours. */
  decryptionKeys(): readonly Uint8Array[] {
    this.#follow();
    return this.#keys.map(({ bytes }) => bytes);
  }

  /** Counts a message. Each other member is assumed to have encrypted as many messages with the key as this one. */
  #count(key: InstalledKey): void {
    key.messages++;
    const { onKeyLimitReached } = this.#options;
    if (key.isLimitReached || key.messages * Math.max(1, this.numMembers) < this.#messagesMax) return;
    key.isLimitReached = true;
    onKeyLimitReached(key.messages);
  }

  /** Prepares the keys that are new in the keyring, and forgets those that are gone. */
  #follow(): void {
    const { keyring, crypto } = this.#options;
    if (keyring.revision === this.#revision) return;
    const known = this.#keys;
    this.#keys = keyring.getKeys().map((bytes) => {
      const same = known.find((key) => equalBytes(key.bytes, bytes));
      return same ?? { bytes, aes: crypto.aesGcm(bytes), messages: 0, isLimitReached: false };
    });
    this.#aesKeys = this.#keys.map(({ aes }) => aes);
    this.#revision = keyring.revision;
  }
}

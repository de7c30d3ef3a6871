import { MemberlistError } from "../api/errors.ts";
import { randomBytes } from "../ports/crypto.ts";

/** A key's length in bytes: AES-128, AES-192 or AES-256. */
export type KeySize = 16 | 24 | 32;

const keySizes: readonly number[] = [16, 24, 32];
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const padding = "=";

/**
 * A new key from the runtime's cryptographic source, as a string for a secret store or an environment variable: base64 with its padding, as
 * `consul keygen` and `serf keygen` print it. Every member of the cluster gets the same; {@link decodeKey} reads it.
 *
 * @param size in bytes
 * @throws MemberlistError `invalid_argument` for another size; `unsupported` if the runtime has no such source
 *
 * @example
 * console.log(generateKey()); // once, into your secret store
 * const secretKey = decodeKey(process.env["GOSSIP_KEY"] ?? "");
 */
export function generateKey(size: KeySize = 32): string {
  checkKeySize(size);
  return encodeKey(randomBytes(size));
}

/** A key in base64, with its padding. */
export function encodeKey(key: Uint8Array): string {
  let text = "";
  for (let at = 0; at < key.length; at += 3) {
    const rest = key.length - at;
    const bits = (byteAt(key, at) << 16) | (byteAt(key, at + 1) << 8) | byteAt(key, at + 2);
    text += digit(bits >> 18) + digit(bits >> 12);
    text += (rest > 1 ? digit(bits >> 6) : padding) + (rest > 2 ? digit(bits) : padding);
  }
  return text;
}

/**
 * Reads a key that {@link generateKey} made, for `secretKey` or a {@link Keyring}. It is strict, because a member whose key is almost right is
 * alone: it trims no white space, and each key has one string.
 *
 * @throws MemberlistError `invalid_argument` for a string that is not base64, or not of a key's length; the message shows none of it
 */
export function decodeKey(text: string): Uint8Array {
  if (typeof text !== "string") throw notKey(`is ${text === null ? "null" : `of type ${typeof text}`}`);
  const end = text.indexOf(padding);
  const digits = end < 0 ? text : text.slice(0, end);
  const values = Array.from(digits, (character) => alphabet.indexOf(character));
  const wrong = values.indexOf(-1);
  if (wrong >= 0) throw notKey(`has a character at position ${wrong + 1} that is not of the standard base64 alphabet`);
  const size = Math.floor((values.length * 6) / 8);
  if (!keySizes.includes(size)) throw notKey(`has ${text.length} characters`);
  const isPadded = text.length % 4 === 0 && text === digits + padding.repeat((3 - (size % 3)) % 3);
  if (!isPadded) throw notKey("is not padded to a multiple of 4 characters by =");
  const key = new Uint8Array(size);
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (const value of values) {
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount < 8) continue;
    bitCount -= 8;
    key[at++] = bits >> bitCount;
  }
  if ((bits & ((1 << bitCount) - 1)) !== 0) throw notKey("ends in bits that belong to no byte");
  return key;
}

/** @throws MemberlistError `invalid_argument` unless it is a `Uint8Array` of 16, 24 or 32 bytes */
export function checkKey(key: Uint8Array): void {
  if (!(key instanceof Uint8Array)) throw new MemberlistError("invalid_argument", "a key must be a Uint8Array");
  checkKeySize(key.length);
}

function checkKeySize(size: number): void {
  if (keySizes.includes(size)) return;
  throw new MemberlistError("invalid_argument", `a key must be 16, 24 or 32 bytes long, not ${size}`);
}

function notKey(why: string): MemberlistError {
  return new MemberlistError(
    "invalid_argument",
    `a key must be a string of base64 for 16, 24 or 32 bytes (24, 32 or 44 characters), as generateKey() makes one; it ${why}`,
  );
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

function digit(bits: number): string {
  return alphabet.charAt(bits & 63);
}

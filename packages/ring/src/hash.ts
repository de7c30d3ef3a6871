import { xxHash32 } from "js-xxhash";

const encoder = new TextEncoder();
/** Holds a key of the usual length, because an array for each look-up costs more than its hash. */
const scratch: Uint8Array = new Uint8Array(512);

/** The 32-bit hash of a key: xxHash of its bytes, or of its UTF-8. */
export function hashKey(key: string | Uint8Array, seed: number = 0): number {
  if (typeof key !== "string") return xxHash32(key, seed);
  // A UTF-16 unit takes up to three bytes.
  if (key.length * 3 > scratch.length) return xxHash32(encoder.encode(key), seed);
  return xxHash32(scratch.subarray(0, encoder.encodeInto(key, scratch).written), seed);
}

/**
 * Mixes the hash of a key with the two numbers of a member. The steps after the first are the finalizer of MurmurHash3.
 *
 * @param b odd, so that no two keys get the same result
 * @returns -2^31 to 2^31 - 1: the engine keeps such numbers in registers
 */
export function mix(key: number, a: number, b: number): number {
  let h = Math.imul(key ^ a, b);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

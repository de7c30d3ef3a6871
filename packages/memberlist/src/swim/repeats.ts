import { randomBytes } from "../ports/web-crypto.ts";

/**
 * Each member hears the same alive messages many times over, and with it all other members that run in this process. What has turned out
 * to say nothing new is found again by its bytes, without looking at the member that it is about. Exact: bytes are compared, not their
 * hashes.
 */

/** Longer messages are not kept, in bytes. */
const sizeMax = 128;
/** How many are kept, for all members of this process; a power of two. Each falls into a set of two, the last one first. */
const slots = 8 * 1024;
/** How many each member remembers; a power of two. Those of one cluster have numbers that are close to each other. */
const rememberedMax = 4 * 1024;
const hashMultiplier = 0x9e3779b1;

/** Of this process's hash: who does not know it cannot choose messages that push others out. Drawn when it is needed first; 0 until then. */
let secret = 0;
let kept: { readonly bytes: Uint8Array; readonly sizes: Uint8Array; readonly numbers: Float64Array } | undefined;
/** Never given out again, also where what it stood for is no longer kept. */
let lastNumber = 0;

/** The number of a message (its bytes from `start` to `end`) that {@link numberRepeat} has numbered; 0 where it is not kept (any more). */
export function repeatNumber(bytes: Uint8Array, start: number, end: number): number {
  const size = end - start;
  if (kept === undefined || size > sizeMax) return 0;
  const set = setOf(bytes, start, end);
  if (isKeptAt(set, bytes, start, size)) return kept.numbers[set] as number;
  return isKeptAt(set + 1, bytes, start, size) ? (kept.numbers[set + 1] as number) : 0;
}

/** Keeps a message that is not kept, in the place of another one. @returns its number; 0 where it is too long */
export function numberRepeat(bytes: Uint8Array, start: number, end: number): number {
  const size = end - start;
  if (size > sizeMax) return 0;
  if (secret === 0) for (const byte of randomBytes(4)) secret = (secret << 8) | byte;
  kept ??= { bytes: new Uint8Array(slots * sizeMax), sizes: new Uint8Array(slots), numbers: new Float64Array(slots) };
  const set = setOf(bytes, start, end);
  const at = set * sizeMax;
  kept.bytes.copyWithin(at + sizeMax, at, at + sizeMax);
  kept.sizes[set + 1] = kept.sizes[set] as number;
  kept.numbers[set + 1] = kept.numbers[set] as number;
  kept.bytes.set(bytes.subarray(start, end), at);
  kept.sizes[set] = size;
  kept.numbers[set] = ++lastNumber;
  return lastNumber;
}

/** The messages, by their numbers, that say nothing new to one member. */
export class Repeats {
  #numbers: Float64Array | undefined;

  has(number: number): boolean {
    return number > 0 && this.#numbers?.[number & (rememberedMax - 1)] === number;
  }

  /** @param number 0 for none */
  add(number: number): void {
    if (number === 0) return;
    this.#numbers ??= new Float64Array(rememberedMax);
    this.#numbers[number & (rememberedMax - 1)] = number;
  }

  delete(number: number): void {
    if (this.#numbers !== undefined && this.has(number)) this.#numbers[number & (rememberedMax - 1)] = 0;
  }
}

/** The first of the two slots in one of which a message is kept. */
function setOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = (end - start) ^ secret;
  let i = start;
  for (; i + 3 < end; i += 4) {
    const low = (bytes[i] as number) | ((bytes[i + 1] as number) << 8);
    const high = (bytes[i + 2] as number) | ((bytes[i + 3] as number) << 8);
    hash = Math.imul(hash ^ (low | (high << 16)), hashMultiplier);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), hashMultiplier);
  return (hash ^ (hash >>> 15)) & (slots - 2);
}

function isKeptAt(slot: number, bytes: Uint8Array, start: number, size: number): boolean {
  if (kept === undefined || kept.sizes[slot] !== size) return false;
  const { bytes: all } = kept;
  const from = slot * sizeMax;
  for (let i = 0; i < size; i++) if (all[from + i] !== bytes[start + i]) return false;
  return true;
}

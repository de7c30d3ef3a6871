import { SeededRandom } from "../../../src/testing/seeded-random.ts";

/** The multiplier of the hash that a compressor starts each message with: it is public, so anybody can make these bytes. */
const hashMultiplier = 0x9e3779b1;

/**
 * Bytes whose dictionary entries all belong near slot 0 of the hash table, and which then go along the chain that those form again and again.
 *
 * @param hashBits of the table for so many bytes
 * @param start how they start, with one byte at least
 */
export function collidingBytes(size: number, hashBits: number, start: Uint8Array = Uint8Array.of(97)): Uint8Array {
  const random = new SeededRandom(size);
  const bytes = new Uint8Array(size);
  const dictionary = new Map<number, number>();
  bytes.set(start);
  let code = bytes[0] as number;
  for (let at = 1; at < size; at++) {
    const { fresh, slot } = nearest(dictionary, code, hashBits);
    const known = slot > dictionary.size + 64 && random.next() < 0.9 ? longest(dictionary, code) : undefined;
    const byte = start[at] ?? known ?? fresh;
    bytes[at] = byte;
    const found = dictionary.get((code << 8) | byte);
    if (found === undefined) dictionary.set((code << 8) | byte, 258 + dictionary.size);
    code = found ?? byte;
    if (dictionary.size === 4095 - 257) dictionary.clear();
  }
  return bytes;
}

/** The byte behind `code` that is not in the dictionary yet and whose entry belongs nearest to slot 0. */
function nearest(dictionary: Map<number, number>, code: number, hashBits: number): { fresh: number; slot: number } {
  let [fresh, slot] = [0, Infinity];
  for (let byte = 0; byte < 256; byte++) {
    const key = (code << 8) | byte;
    const place = Math.imul(key, hashMultiplier) >>> (32 - hashBits);
    if (place < slot && !dictionary.has(key)) [fresh, slot] = [byte, place];
  }
  return { fresh, slot };
}

/** A byte behind `code` that is in the dictionary. */
function longest(dictionary: Map<number, number>, code: number): number | undefined {
  let last: number | undefined;
  for (let byte = 0; byte < 256; byte++) if (dictionary.has((code << 8) | byte)) last = byte;
  return last;
}

/** The hash that the compressor once had: its multiplier was the same in every process. */
const oldMultiplier = 0x9e3779b1;
const oldHashShift = 32 - 13;
/** So many entries a dictionary has before it is cleared. */
const dictionarySize = 3_837;

/**
 * Bytes whose dictionary entries all fell into the first slots of that table: each byte was looked for in thousands of places. No hash that a stranger can reckon
 * may return, so they stay among the attacks.
 */
export function collidingBytes(size: number): Uint8Array {
  const slotOf = (code: number, byte: number): number => Math.imul((code << 8) | byte, oldMultiplier) >>> oldHashShift;
  const ranked = Array.from({ length: 256 }, (_, code) =>
    Array.from({ length: 256 }, (_each, byte) => byte).toSorted((a, b) => slotOf(code, a) - slotOf(code, b)),
  );
  const bytes = new Uint8Array(size);
  let used = new Set<number>();
  for (let i = 1; i < size; i++) {
    const code = bytes[i - 1] as number;
    const next = (ranked[code] as readonly number[]).find((byte) => !used.has((code << 8) | byte)) ?? 0;
    bytes[i] = next;
    used.add((code << 8) | next);
    if (used.size >= dictionarySize) used = new Set();
  }
  return bytes;
}

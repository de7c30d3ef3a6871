/** Longer packets, in bytes, get an array of their own: it costs about as much as wasting the rest of a slab. */
const sharedMax = 8 * 1024;
const slabSize = 64 * 1024;

let slab: ArrayBuffer | undefined;
let used = 0;

/**
 * Zeroed bytes for a packet on its way out. An array of its own costs a microsecond and its garbage collection as much, a view of a
 * slab a twentieth of that: so the buffer behind it holds other packets, too. Not for what is kept for long: it would keep all of
 * the slab.
 */
export function packetBytes(size: number): Uint8Array<ArrayBuffer> {
  if (size > sharedMax) return new Uint8Array(size);
  // Full, or detached: a transport, which owns its packets, may have transferred one.
  if (slab === undefined || used + size > slab.byteLength) {
    slab = new ArrayBuffer(slabSize);
    used = 0;
  }
  const bytes = new Uint8Array(slab, used, size);
  // Whole words, so that copies are aligned.
  used += (size + 7) & ~7;
  return bytes;
}

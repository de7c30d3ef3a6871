import { copyBytes } from "../wire/bytes.ts";

/** Metadata up to this length, in bytes, shares a slab. */
const sharedMax = 128;
/** In bytes. Slabs are small, because one piece of metadata that stays keeps its whole slab. */
const slabSize = 1024;
/** A place is one number: where metadata begins, times this, plus its length. */
const placeUnit = 2 ** 20;

/**
 * Copies metadata that stays; short metadata shares slabs. An array for each member costs some 240 bytes besides the metadata, and a view of a
 * slab 104. So callers keep a slab and a place in it.
 */
export class KeptMeta {
  #slab: Uint8Array | undefined;
  #used = 0;
  #place = 0;

  /** The place of the last metadata in the bytes that {@link keep} returned. */
  get place(): number {
    return this.#place;
  }

  /** @returns the bytes that contain the copy */
  keep(meta: Uint8Array): Uint8Array {
    const { length } = meta;
    if (length === 0 || length > sharedMax) {
      this.#place = length;
      return copyBytes(meta);
    }
    // Full, or detached: an application may have transferred the metadata of a member.
    if (this.#slab === undefined || this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(slabSize);
      this.#used = 0;
    }
    this.#slab.set(meta, this.#used);
    this.#place = this.#used * placeUnit + length;
    this.#used += length;
    return this.#slab;
  }
}

/** Where metadata begins. */
export function startOf(place: number): number {
  return Math.floor(place / placeUnit);
}

/** How long metadata is. */
export function sizeOf(place: number): number {
  return place % placeUnit;
}

/** The metadata at a place; empty if an application has transferred its memory. */
export function metaAt(bytes: Uint8Array, place: number): Uint8Array {
  const size = sizeOf(place);
  if (size === bytes.length || bytes.length === 0) return bytes;
  const start = startOf(place);
  return bytes.subarray(start, start + size);
}

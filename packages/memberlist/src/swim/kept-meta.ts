import { copyBytes } from "../wire/bytes.ts";

/** Metadata up to this length shares memory, so many bytes at a time: one that stays keeps no more than that. */
const sharedMax = 128;
const slabSize = 1024;
/** A place is a beginning, times this, and a length. */
const placeUnit = 2 ** 20;

/**
 * Copies metadata to where it stays, some of it in slabs with that of others. An array of its own costs some 240 bytes beside the metadata, and a
 * view of a slab 104: who keeps metadata keeps a slab and a place in it.
 */
export class KeptMeta {
  #slab: Uint8Array | undefined;
  #used = 0;
  #place = 0;

  /** Where the last metadata is in the bytes that {@link keep} has returned. */
  get place(): number {
    return this.#place;
  }

  /** @returns the bytes that it is in */
  keep(meta: Uint8Array): Uint8Array {
    const { length } = meta;
    if (length === 0 || length > sharedMax) {
      this.#place = length;
      return copyBytes(meta);
    }
    // Full, or gone: an application may have transferred the metadata of a member.
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

/** The metadata at a place; empty where an application has transferred its memory away. */
export function metaAt(bytes: Uint8Array, place: number): Uint8Array {
  const size = sizeOf(place);
  if (size === bytes.length || bytes.length === 0) return bytes;
  const start = startOf(place);
  return bytes.subarray(start, start + size);
}

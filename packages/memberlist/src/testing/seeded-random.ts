import type { Random } from "../ports/random.ts";

/** Reproducible randomness: the same seed, the same numbers, in every runtime. (sfc32, 53 bits a number.) Never for keys. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any number or text; numbers that differ in any bit are different seeds */
  constructor(seed: number | string) {
    const mix = hash(typeof seed === "number" ? `n${seed}` : `s${seed}`);
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    for (let round = 0; round < 12; round++) this.#next32();
  }

  /** Uniform in [0, 1). */
  next(): number {
    return ((this.#next32() >>> 5) * 67_108_864 + (this.#next32() >>> 6)) / 9_007_199_254_740_992;
  }

  /** A generator of its own, so that what one part draws does not shift what the others get. Draws once from this one. */
  fork(): SeededRandom {
    return new SeededRandom(`${this.#next32()}/${this.#next32()}`);
  }

  #next32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

/** A string to as many 32-bit words as are asked for (FNV-1a over its code units, then the finaliser of MurmurHash3). */
function hash(text: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let word = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return word ^ (word >>> 16);
  };
}

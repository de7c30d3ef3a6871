import {
  clearCode,
  endCode,
  hashBitsFor,
  hashBitsMax,
  hashKey,
  lzwWorst,
  maxCode,
  maxWidth,
  minWidth,
  outputOf,
  scratchOf,
} from "./lzw-codes.ts";

/**
 * The dictionary: which code stands for a code and a byte behind it. Open addressing, and an entry is one number, so that a look-up is one
 * load: 12 bits of the code, 8 of the byte, 12 of the code that stands for both. 0 is none.
 */
type Dictionary = Int32Array;

const hashMultiplier = 0x9e3779b1;
const codeBits = maxWidth;
/** Collisions that a message may have beyond one for each byte before its hash is keyed. */
const freeCollisions = 256;

let shared: Dictionary | undefined;

/** A dictionary for a compression in parts, between which others go on. */
export function newDictionary(): Dictionary {
  return new Int32Array(1 << hashBitsMax);
}

/** The one for what is compressed in one go. */
export function sharedDictionary(): Dictionary {
  return (shared ??= newDictionary());
}

/**
 * Whether the output so far shows that the result will not be shorter than the input. Output that is a sixteenth longer than the
 * input after 254 codes means that the input repeats nothing. Checked whenever the codes get longer.
 */
function isHopeless(written: number, read: number): boolean {
  return written - (written >>> 4) >= read;
}

/** Tabulation hashing: no choice of entries makes chains longer than chance does. */
function keyedSlot(secret: Uint16Array, key: number, slots: number): number {
  return ((secret[key >>> 8] as number) ^ (secret[maxCode + 1 + (key & 0xff)] as number)) & slots;
}

/**
 * Compresses, in as many parts as one likes. It makes the same bytes as the Go peers, so it starts with a clear code, and clears when
 * the last 12-bit code has been given out.
 *
 * Multiplication spreads the entries of what applications send better than chance would, but whoever chooses the bytes can make all of them
 * collide. Collisions are counted, and too many change the hash to one with a secret key, for the rest of the message. The output is the same.
 */
export class LzwCompressor {
  readonly #input: Uint8Array;
  readonly #dictionary: Dictionary;
  readonly #hashBits: number;
  readonly #start: number;
  readonly #givesUp: boolean;
  #output: Uint8Array;
  #at: number;
  #from = 1;
  #width = minWidth;
  #bits = clearCode;
  #bitCount = minWidth;
  #lastCode = endCode;
  #code: number;
  /** Set once the hash is keyed. */
  #secret: Uint16Array | undefined;
  #collisions = 0;

  /**
   * @param headroom bytes to leave free in front of the output
   * @param givesUp stop where it looks as if the output would not be shorter than the input
   */
  constructor(input: Uint8Array, dictionary: Dictionary, headroom: number = 0, givesUp: boolean = false) {
    this.#input = input;
    this.#dictionary = dictionary;
    this.#hashBits = hashBitsFor(input.length);
    dictionary.fill(0, 0, 1 << this.#hashBits);
    this.#at = headroom;
    this.#start = headroom;
    this.#givesUp = givesUp;
    this.#code = input[0] ?? -1;
    // Most long input gets shorter; the buffer grows for the rest.
    this.#output = scratchOf(headroom + Math.min(lzwWorst(input.length), input.length + (1 << 20)));
  }

  /** Goes on until `count` more bytes have been read. @returns whether that was all; never where it has given up */
  run(count: number): boolean {
    const input = this.#input;
    const table = this.#dictionary;
    const givesUp = this.#givesUp;
    const start = this.#start;
    const size = 1 << this.#hashBits;
    const slots = size - 1;
    const hashShift = 32 - this.#hashBits;
    const end = Math.min(input.length, this.#from + count) | 0;
    const output = this.#room(lzwWorst(Math.max(0, end - this.#from)));
    let at = this.#at;
    let width = this.#width;
    let bits = this.#bits;
    let bitCount = this.#bitCount;
    let lastCode = this.#lastCode;
    let code = this.#code;
    let limit = 1 << width;
    let secret = this.#secret;
    let collisions = this.#collisions;
    for (let i = this.#from; i < end; i++) {
      const key = (code << 8) | (input[i] as number);
      let slot = secret === undefined ? Math.imul(key, hashMultiplier) >>> hashShift : keyedSlot(secret, key, slots);
      let entry = table[slot] as number;
      if (entry !== 0 && entry >>> codeBits !== key) {
        slot = (slot + 1) & slots;
        entry = table[slot] as number;
        while (entry !== 0 && entry >>> codeBits !== key) {
          slot = (slot + 1) & slots;
          if (++collisions > i + freeCollisions && secret === undefined) {
            secret = this.#useSecret();
            slot = keyedSlot(secret, key, slots);
          }
          entry = table[slot] as number;
        }
      }
      if (entry !== 0) {
        code = entry & maxCode;
        continue;
      }
      bits |= code << bitCount;
      bitCount += width;
      if (bitCount >= 16) {
        output[at] = bits;
        output[at + 1] = bits >>> 8;
        at += 2;
        bits >>>= 16;
        bitCount -= 16;
      }
      code = key & 0xff;
      lastCode++;
      if (lastCode === limit) {
        width++;
        limit <<= 1;
        if (givesUp && isHopeless(at - start, i)) return false;
      }
      if (lastCode < maxCode) {
        table[slot] = (key << codeBits) | lastCode;
        continue;
      }
      bits |= clearCode << bitCount;
      bitCount += width;
      if (bitCount >= 16) {
        output[at] = bits;
        output[at + 1] = bits >>> 8;
        at += 2;
        bits >>>= 16;
        bitCount -= 16;
      }
      width = minWidth;
      limit = 1 << minWidth;
      lastCode = endCode;
      table.fill(0, 0, size);
    }
    this.#at = at;
    this.#from = Math.max(this.#from, end);
    this.#width = width;
    this.#bits = bits;
    this.#bitCount = bitCount;
    this.#lastCode = lastCode;
    this.#code = code;
    this.#collisions = collisions;
    if (end < input.length) return false;
    this.#end();
    return true;
  }

  /** The headroom and the output. Once, when {@link run} has said that it is all. */
  take(): Uint8Array {
    return outputOf(this.#output, this.#at);
  }

  /** As {@link take}, without a copy: valid until something else is compressed or decompressed. */
  view(): Uint8Array {
    return this.#output.subarray(0, this.#at);
  }

  /** Moves all entries to where they belong by the secret key. */
  #useSecret(): Uint16Array {
    const secret = hashKey();
    const table = this.#dictionary;
    const size = 1 << this.#hashBits;
    const entries = table.slice(0, size);
    table.fill(0, 0, size);
    for (const entry of entries) {
      if (entry === 0) continue;
      let slot = keyedSlot(secret, entry >>> codeBits, size - 1);
      while (table[slot] !== 0) slot = (slot + 1) & (size - 1);
      table[slot] = entry;
    }
    this.#secret = secret;
    return secret;
  }

  #room(needed: number): Uint8Array {
    if (this.#at + needed > this.#output.length) {
      const larger = new Uint8Array(Math.max(this.#at + needed, this.#output.length + (this.#output.length >>> 1)));
      larger.set(this.#output.subarray(0, this.#at));
      this.#output = larger;
    }
    return this.#output;
  }

  #end(): void {
    if (this.#code >= 0) {
      this.#put(this.#code);
      this.#lastCode++;
      if (this.#lastCode === 1 << this.#width) this.#width++;
      if (this.#lastCode === maxCode) {
        this.#put(clearCode);
        this.#width = minWidth;
      }
    }
    this.#put(endCode);
    if (this.#bitCount > 0) this.#output[this.#at++] = this.#bits;
  }

  #put(code: number): void {
    this.#bits |= code << this.#bitCount;
    this.#bitCount += this.#width;
    for (; this.#bitCount >= 8; this.#bitCount -= 8) {
      this.#output[this.#at++] = this.#bits;
      this.#bits >>>= 8;
    }
  }
}

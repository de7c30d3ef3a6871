/*
 * LZW in AssemblyScript, for what fits its memory: src/wire/compression/lzw-wasm.ts drives it. Memory: 256 bytes that count up, which are the
 * literals' expansions; a dictionary for each direction; codes; then what the caller puts there and has written there.
 */

const clearCode: u32 = 256;
const endCode: u32 = 257;
const minWidth: u32 = 9;
const maxWidth: u32 = 12;
/** Also a place of the dictionary behind its last code, where entries go once it is full. */
const codeCount: u32 = 4096;

const literalsAt: usize = 256;
/** To decompress: 8 bytes a code, where in the memory its expansion starts, and its length. */
const dictionaryAt: usize = 512;
/** To compress: a hash table, see `scan`. */
const tableAt: usize = 512 + 8 * (4096 + 1);
/** Codes of 2 bytes that wait to be packed: no more than are given out at one width. */
const codesAt: usize = 512 + 8 * (4096 + 1) + 4 * 8192;
/** Where the caller writes the key of `keyedSlot`: a random number of 16 bits for each code, then one for each byte. */
export const keyAt: u32 = 512 + 8 * (4096 + 1) + 4 * 8192 + 2 * 2048 + 24;
const byteKeyAt: usize = keyAt + 2 * 4096;
/** Where the caller's part of the memory starts. */
export const dataAt: u32 = 512 + 8 * (4096 + 1) + 4 * 8192 + 2 * 2048 + 24 + 2 * (4096 + 256);
/** Bytes that may be read behind the input, and written behind the output. */
export const slack: u32 = 16;

/** Results below 0; from 0 on they are the output's end. */
const needsRoom: i32 = -1;
const codeTooEarly: i32 = -2;
const endsTooEarly: i32 = -3;
const hopeless: i32 = -4;

let areLiteralsThere: bool = false;

function writeLiterals(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    store<u8>(literalsAt + byte, <u8>byte);
    store<u64>(dictionaryAt + (byte << 3), u64(literalsAt + byte) | (u64(1) << 32));
  }
  areLiteralsThere = true;
}

/**
 * Decompresses what is at `input`, to `output`.
 *
 * @param inputBits its length
 * @param outputMax where the output has to end at last
 * @returns where it ends, or what is wrong
 */
export function decompress(input: usize, inputBits: u32, output: u32, outputMax: u32): i32 {
  if (!areLiteralsThere) writeLiterals();
  let width = minWidth;
  let mask: u32 = (1 << minWidth) - 1;
  /** The code to be given out next. Its entry is made of the last expansion, and of the first byte of the one behind it. */
  let next = endCode;
  let lastStart: u32 = 0;
  let lastLength: u32 = 0;
  let position: u32 = 0;
  while (true) {
    const code = (load<u32>(input + (position >>> 3)) >>> (position & 7)) & mask;
    position += width;
    if (position > inputBits) return endsTooEarly;
    if (code - clearCode <= endCode - clearCode) {
      if (code == endCode) return output;
      width = minWidth;
      mask = (1 << minWidth) - 1;
      next = endCode;
      continue;
    }
    if (code > next) return codeTooEarly;
    store<u64>(dictionaryAt + (next << 3), u64(lastStart) | (u64(lastLength + 1) << 32));
    const entry = load<u64>(dictionaryAt + (code << 3));
    const source = u32(entry);
    const length = u32(entry >> 32);
    // Lengths are at most 4,096, and the memory ends far below 2^31: the sum does not wrap.
    if (output + length > outputMax) return needsRoom;
    let i: u32 = 0;
    do {
      v128.store(output + i, v128.load(source + i));
      i += 16;
    } while (i < length);
    // The entry that was made a moment ago reaches into what is written: its last byte is the first one of this expansion.
    store<u8>(output + length - 1, load<u8>(source + length - 1));
    lastStart = output;
    lastLength = length;
    output += length;
    next += u32(next < codeCount);
    if (next > mask && width < maxWidth) {
      width++;
      mask = (1 << width) - 1;
    }
  }
}

/*
 * To compress, the dictionary is a hash table with open addressing, whose entries are of 4 bytes, so that a look-up is one load: 12 bits of a code, 8 of the
 * byte behind it, 12 of the code that stands for both; 0 is none. Multiplication spreads what applications send better than chance would, but whoever chooses
 * the bytes can make all entries collide. `scan` counts collisions, and `compress` then changes to a hash with a secret key, for the rest of the message.
 */

const maxCode: u32 = 4095;
const hashMultiplier: u32 = 0x9e3779b1;
/** Collisions that a message may have beyond one for each byte before the hash is keyed. */
const freeCollisions: u32 = 256;

/** The code of what has been read and not written yet. */
let code: u32 = 0;
/** The code that was given out last. */
let lastCode: u32 = endCode;
/** Where the codes that wait to be packed end. */
let codesEnd: usize = codesAt;
/** Entries of the wrong key that were looked at, without the first of each look-up. */
let collisions: u32 = 0;

/** The two hashes, as types that a function can be compiled for. */
type Plain = i32;
type Keyed = f32;

/** Where an entry belongs by the secret key (tabulation hashing: no choice of entries makes chains longer than chance does). */
function keyedSlot(prefix: u32, byte: u32, lastSlot: u32): u32 {
  return (u32(load<u16>(keyAt + (prefix << 1)) ^ load<u16>(byteKeyAt + (byte << 1))) << 2) & lastSlot;
}

/** Moves all entries to where they belong by the key. The copy overwrites the dictionary for the other direction, literals included. */
function moveToKeyedSlots(hashBits: u32): void {
  const size: u32 = 4 << hashBits;
  const lastSlot = size - 1;
  memory.copy(dictionaryAt, tableAt, size);
  memory.fill(tableAt, 0, size);
  areLiteralsThere = false;
  for (let at: u32 = 0; at < size; at += 4) {
    const entry = load<u32>(dictionaryAt + at);
    if (entry == 0) continue;
    let slot = keyedSlot(entry >>> 20, (entry >>> maxWidth) & 0xff, lastSlot);
    while (load<u32>(tableAt + slot) != 0) slot = (slot + 4) & lastSlot;
    store<u32>(tableAt + slot, entry);
  }
}

/**
 * Reads until `end`, until codes get longer, or until there are more than `maxCollisions` for so many bytes. The codes wait to be packed then: that leaves little
 * in this loop, which takes half the time. The compiler makes two functions of it, one for each hash.
 *
 * @typeParam Hash {@link Plain} or {@link Keyed}
 * @returns where it has got to
 */
function scan<Hash>(start: usize, end: usize, bound: u32, hashBits: u32, maxCollisions: u32): usize {
  const isKeyed = isFloat<Hash>();
  const hashShift: u32 = 32 - hashBits;
  const lastSlot: u32 = (4 << hashBits) - 1;
  let input = start;
  let current = code;
  let last = lastCode;
  let collided = collisions;
  let stopAt = bound;
  let codes = codesAt;
  do {
    const byte: u32 = load<u8>(input++);
    const key = (current << 8) | byte;
    let slot = isKeyed ? keyedSlot(current, byte, lastSlot) : ((key * hashMultiplier) >>> hashShift) << 2;
    let entry = load<u32>(tableAt + slot);
    if (entry != 0 && entry >>> maxWidth != key) {
      slot = (slot + 4) & lastSlot;
      entry = load<u32>(tableAt + slot);
      while (entry != 0 && entry >>> maxWidth != key) {
        slot = (slot + 4) & lastSlot;
        entry = load<u32>(tableAt + slot);
        if (!isKeyed && ++collided > maxCollisions + u32(input - start)) stopAt = 0;
      }
    }
    if (entry != 0) {
      current = entry & maxCode;
      continue;
    }
    store<u16>(codes, current);
    codes += 2;
    last++;
    store<u32>(tableAt + slot, (key << maxWidth) | last);
    current = byte;
  } while (input < end && last < stopAt);
  code = current;
  lastCode = last;
  codesEnd = codes;
  collisions = collided;
  return input;
}

/** Bits of the output that do not fill a byte yet. */
let bits: u64 = 0;
let bitCount: u32 = 0;

/** Appends the codes that wait, up to `end`. @returns where the output ends */
function pack(output: usize, end: usize, width: u32): usize {
  let waiting = bits;
  let count = bitCount;
  for (let codes = codesAt; codes < end; codes += 2) {
    waiting |= u64(load<u16>(codes)) << count;
    count += width;
    store<u64>(output, waiting);
    const bytes = count >>> 3;
    output += bytes;
    waiting >>= bytes << 3;
    count &= 7;
  }
  bits = waiting;
  bitCount = count;
  return output;
}

/** Appends a code. @returns where the output ends */
function put(output: usize, code: u32, width: u32): usize {
  store<u16>(codesAt, code);
  return pack(output, codesAt + 2, width);
}

/**
 * Compresses what is at `input`, to `output`, as `LzwCompressor` does: the same bytes, which depend on no key.
 *
 * @param end of the input, which is not empty
 * @param hashBits how large the table is: 8 to 13
 * @param givesUp whether to stop where it looks as if the output would not be shorter: see `LzwCompressor`
 * @returns where the output ends; `hopeless` if it gave up
 */
export function compress(input: usize, end: usize, output: usize, hashBits: u32, givesUp: bool): i32 {
  const inputAt = input;
  const outputAt = output;
  memory.fill(tableAt, 0, 4 << hashBits);
  let isKeyed = false;
  let width = minWidth;
  lastCode = endCode;
  collisions = 0;
  bits = clearCode;
  bitCount = minWidth;
  code = load<u8>(input++);
  while (input < end) {
    const bound: u32 = width == maxWidth ? maxCode : 1 << width;
    const maxCollisions = freeCollisions + u32(input - inputAt);
    input = isKeyed
      ? scan<Keyed>(input, end, bound, hashBits, maxCollisions)
      : scan<Plain>(input, end, bound, hashBits, maxCollisions);
    output = pack(output, codesEnd, width);
    if (!isKeyed && collisions > freeCollisions + u32(input - inputAt)) {
      isKeyed = true;
      moveToKeyedSlots(hashBits);
    }
    if (lastCode < bound) continue;
    if (lastCode < maxCode) {
      width++;
      const written = output - outputAt;
      if (givesUp && written - (written >>> 4) >= input - inputAt) return hopeless;
    } else {
      output = put(output, clearCode, width);
      width = minWidth;
      lastCode = endCode;
      memory.fill(tableAt, 0, 4 << hashBits);
    }
  }
  output = put(output, code, width);
  lastCode++;
  if (lastCode == 1 << width) width++;
  if (lastCode == maxCode) {
    output = put(output, clearCode, width);
    width = minWidth;
  }
  output = put(output, endCode, width);
  if (bitCount > 0) store<u8>(output++, u8(bits));
  return i32(output);
}

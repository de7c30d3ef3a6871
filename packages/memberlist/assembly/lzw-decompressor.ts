/*
 * LZW decompression in AssemblyScript, for what fits its memory: src/wire/lzw-machine.ts drives it. Memory: 256 bytes that count up,
 * which are the literals' expansions; the dictionary; then what the caller puts there and has written there.
 */

const clearCode: u32 = 256;
const endCode: u32 = 257;
const minWidth: u32 = 9;
const maxWidth: u32 = 12;
/** Also a place of the dictionary behind its last code, where entries go once it is full. */
const codeCount: u32 = 4096;

const literalsAt: usize = 256;
/** Of 8 bytes each: where in the memory the expansion of a code starts, and its length. */
const dictionaryAt: usize = 512;

/** Where the caller's part of the memory starts. */
export const dataAt: u32 = 512 + 8 * (4096 + 1) + 24;
/** Bytes that may be read behind the input, and written behind the output. */
export const slack: u32 = 16;

/** The results below 0; from 0 on it is the output's end. */
const needsRoom: i32 = -1;
const codeTooEarly: i32 = -2;
const endsTooEarly: i32 = -3;

let isReady: bool = false;

function getReady(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    store<u8>(literalsAt + byte, <u8>byte);
    store<u64>(dictionaryAt + (byte << 3), u64(literalsAt + byte) | (u64(1) << 32));
  }
  isReady = true;
}

/**
 * Decompresses what is at `input`, to `output`.
 *
 * @param inputBits its length
 * @param outputMax where the output has to end at last
 * @returns where it ends, or what is wrong
 */
export function decompress(input: usize, inputBits: u32, output: u32, outputMax: u32): i32 {
  if (!isReady) getReady();
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

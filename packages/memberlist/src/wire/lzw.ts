import { copyBytes } from "./bytes.ts";
import { DecodeError } from "./decode-error.ts";

/*
 * LZW as the Go peers use it: LSB first, 8-bit literals, codes of 9 to 12 bits, clear code 256, end code 257. The compressor
 * makes the same bytes as theirs, so it starts with a clear code, and clears when the last 12-bit code has been given out.
 */

const clearCode = 256;
const endCode = 257;
const minWidth = 9;
const maxWidth = 12;
const maxCode = (1 << maxWidth) - 1;

/** Open addressing; at most 3,838 entries live, so it is never half full. */
const hashBits = 13;
const hashMask = (1 << hashBits) - 1;
const hashMultiplier = 0x9e3779b1;
/** A key is 12 bits of code and 8 of byte; the 12 bits above say which dictionary the entry belongs to. */
const generationShift = 20;
const generationMax = 0xfff;

/** A scratch buffer over this is not kept. */
const keptOutputMax = 64 * 1024;

interface CompressorTables {
  readonly keys: Int32Array;
  readonly codes: Uint16Array;
  generation: number;
}

interface DecompressorTables {
  /** Where in the output the expansion of a code stands. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
}

let compressor: CompressorTables | undefined;
let decompressor: DecompressorTables | undefined;
let scratch: Uint8Array | undefined;

/** Compresses; any input, also none, has a compressed form. */
export function lzwCompress(input: Uint8Array): Uint8Array {
  const tables = (compressor ??= { keys: new Int32Array(1 << hashBits), codes: new Uint16Array(1 << hashBits), generation: 0 });
  const { keys, codes } = tables;
  const inputLength = input.length;
  // At worst each byte costs a 12-bit code, and each 3,838 of them a clear code.
  const output = scratchOf(inputLength + (inputLength >>> 1) + (inputLength >>> 10) + 16);
  let generation = nextGeneration(tables);
  let at = 0;
  let width = minWidth;
  let bits = clearCode;
  let bitCount = minWidth;
  let lastCode = endCode;
  let code = inputLength === 0 ? -1 : (input[0] as number);
  for (let i = 1; i < inputLength; i++) {
    const byte = input[i] as number;
    const key = generation | (code << 8) | byte;
    let slot = Math.imul(key, hashMultiplier) >>> (32 - hashBits);
    let found = keys[slot] as number;
    while (found !== key && (found & ~0xfffff) === generation) {
      slot = (slot + 1) & hashMask;
      found = keys[slot] as number;
    }
    if (found === key) {
      code = codes[slot] as number;
      continue;
    }
    bits |= code << bitCount;
    bitCount += width;
    while (bitCount >= 8) {
      output[at++] = bits;
      bits >>>= 8;
      bitCount -= 8;
    }
    code = byte;
    lastCode++;
    if (lastCode === 1 << width) width++;
    if (lastCode < maxCode) {
      keys[slot] = key;
      codes[slot] = lastCode;
      continue;
    }
    bits |= clearCode << bitCount;
    bitCount += width;
    while (bitCount >= 8) {
      output[at++] = bits;
      bits >>>= 8;
      bitCount -= 8;
    }
    width = minWidth;
    lastCode = endCode;
    generation = nextGeneration(tables);
  }
  if (code >= 0) {
    bits |= code << bitCount;
    bitCount += width;
    while (bitCount >= 8) {
      output[at++] = bits;
      bits >>>= 8;
      bitCount -= 8;
    }
    lastCode++;
    if (lastCode === 1 << width) width++;
    if (lastCode === maxCode) {
      bits |= clearCode << bitCount;
      bitCount += width;
      width = minWidth;
    }
  }
  while (bitCount >= 8) {
    output[at++] = bits;
    bits >>>= 8;
    bitCount -= 8;
  }
  bits |= endCode << bitCount;
  bitCount += width;
  for (; bitCount > 0; bitCount -= 8) {
    output[at++] = bits;
    bits >>>= 8;
  }
  return copyBytes(output.subarray(0, at));
}

/**
 * Decompresses. Bytes behind the end code are ignored.
 *
 * @param maxBytes of output; memory grows with what really comes out, not with the limit
 * @throws DecodeError `too_large`, `bad_lzw` (a code that is not there yet, or no end code)
 */
export function lzwDecompress(input: Uint8Array, maxBytes: number): Uint8Array {
  const { starts, lengths } = (decompressor ??= {
    starts: new Int32Array(maxCode + 1),
    lengths: new Int32Array(maxCode + 1),
  });
  const inputLength = input.length;
  let output = scratchOf(Math.min(maxBytes, inputLength * 4));
  let at = 0;
  let from = 0;
  let width = minWidth;
  let bits = 0;
  let bitCount = 0;
  // `next` is the code to be given out next; an expansion and the first byte of the one behind it make its entry.
  let next = endCode;
  let lastStart = -1;
  let lastLength = 0;
  for (;;) {
    while (bitCount < width) {
      if (from >= inputLength) throw new DecodeError("bad_lzw", "compressed data ends without its end code");
      bits |= (input[from++] as number) << bitCount;
      bitCount += 8;
    }
    const code = bits & ((1 << width) - 1);
    bits >>>= width;
    bitCount -= width;

    let length = 1;
    let source = -1;
    if (code >= clearCode) {
      if (code === clearCode) {
        width = minWidth;
        next = endCode;
        lastStart = -1;
        continue;
      }
      if (code === endCode) break;
      if (code > next) throw new DecodeError("bad_lzw", `code ${code} before it was given out`);
      if (code === next && lastStart >= 0) {
        source = lastStart;
        length = lastLength + 1;
      } else {
        source = starts[code] as number;
        length = lengths[code] as number;
      }
    }
    if (at + length > maxBytes) throw new DecodeError("too_large", `decompresses to over ${maxBytes} bytes`);
    if (at + length > output.length) output = grown(output, at, at + length, maxBytes);
    if (source < 0) {
      output[at] = code;
    } else {
      // Byte by byte and forward: an expansion may reach into what it is just writing.
      for (let i = 0; i < length; i++) output[at + i] = output[source + i] as number;
    }
    if (lastStart >= 0) {
      starts[next] = lastStart;
      lengths[next] = lastLength + 1;
    }
    lastStart = at;
    lastLength = length;
    at += length;
    next++;
    if (next === 1 << width) {
      if (width < maxWidth) {
        width++;
      } else {
        // The dictionary is full: nothing is added any more until it is cleared.
        next = maxCode;
        lastStart = -1;
      }
    }
  }
  return copyBytes(output.subarray(0, at));
}

/** Tells the entries of a fresh dictionary from all that the table still holds, without clearing the table. */
function nextGeneration(tables: CompressorTables): number {
  if (tables.generation === generationMax) {
    tables.keys.fill(0);
    tables.generation = 0;
  }
  tables.generation++;
  return tables.generation << generationShift;
}

function scratchOf(size: number): Uint8Array {
  if (size > keptOutputMax) return new Uint8Array(size);
  return (scratch ??= new Uint8Array(keptOutputMax));
}

function grown(output: Uint8Array, used: number, needed: number, maxBytes: number): Uint8Array {
  const larger = new Uint8Array(Math.max(needed, Math.min(maxBytes, output.length * 2)));
  larger.set(output.subarray(0, used));
  return larger;
}

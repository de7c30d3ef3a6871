import { copiedInOneGo } from "../bytes.ts";
import { DecodeError } from "../errors.ts";
import { clearCode, endCode, maxCode, maxWidth, minWidth, outputOf, scratchOf } from "./lzw-codes.ts";

/** Room behind the output: expansions are copied by four bytes, and may write that much too far. */
const slack = 8;
/** Expansions of at least so many bytes are left to the engine's own copy. */
const longExpansion = 96;

/** A number that has a fraction, or might, costs the loop a quarter of its speed. */
const int32Max = 0x7fffffff;

/** Where in the output the expansion of each code stands. */
export interface Expansions {
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
}

export function newExpansions(): Expansions {
  return { starts: new Int32Array(maxCode + 1), lengths: new Int32Array(maxCode + 1) };
}

/**
 * Decompresses in any number of chunks. Memory grows with the actual output, not with the limit. Bytes behind the end code
 * are ignored.
 */
export class LzwDecompressor {
  readonly #input: Uint8Array;
  readonly #maxBytes: number;
  readonly #expansions: Expansions;
  #output: Uint8Array;
  #at = 0;
  #from = 0;
  #width = minWidth;
  #bits = 0;
  #bitCount = 0;
  /** The code to be given out next; an expansion and the first byte of the one behind it make its entry. */
  #next = endCode;
  /** -1 directly after the dictionary was cleared, and while it is full. */
  #lastStart = -1;
  #lastLength = 0;

  /**
   * @param maxBytes of output
   * @param expansions to work with, until the end
   */
  constructor(input: Uint8Array, maxBytes: number, expansions: Expansions) {
    this.#input = input;
    this.#maxBytes = maxBytes;
    this.#expansions = expansions;
    this.#output = scratchOf(Math.min(maxBytes, input.length * 4) + slack);
  }

  /**
   * Makes room for a {@link run} of `count`, so that it does not have to copy all output at once: that is done in parts here.
   *
   * @param yieldNow awaited after each part
   */
  async makeRoom(count: number, yieldNow: () => Promise<void>): Promise<void> {
    const output = this.#output;
    const at = this.#at;
    const needed = Math.min(this.#maxBytes, at + count + maxCode);
    if (needed + slack <= output.length) return;
    const larger = new Uint8Array(Math.max(needed, Math.min(this.#maxBytes, output.length * 2)) + slack);
    for (let from = 0; from < at; from += copiedInOneGo) {
      larger.set(output.subarray(from, Math.min(at, from + copiedInOneGo)), from);
      await yieldNow();
    }
    this.#output = larger;
  }

  /**
   * Goes on until about `count` more bytes have been read or written.
   *
   * @returns whether that was all
   * @throws DecodeError `too_large`, `bad_lzw` (a code that is not there yet, or no end code)
   */
  run(count: number): boolean {
    const input = this.#input;
    const inputLength = input.length;
    const maxBytes = this.#maxBytes;
    const { starts, lengths } = this.#expansions;
    let output = this.#output;
    let view = new DataView(output.buffer, output.byteOffset, output.length);
    let room = Math.min(output.length - slack, maxBytes);
    let at = this.#at;
    let from = this.#from;
    let width = this.#width;
    let bits = this.#bits;
    let bitCount = this.#bitCount;
    let next = this.#next;
    let lastStart = this.#lastStart;
    let lastLength = this.#lastLength;
    let mask = (1 << width) - 1;
    const stopAt = Math.min(at + count, int32Max) | 0;
    const stopFrom = Math.min(from + count, int32Max) | 0;
    let isDone = false;
    while (at < stopAt && from < stopFrom) {
      if (bitCount < width) {
        if (from + 1 < inputLength) {
          bits |= ((input[from] as number) | ((input[from + 1] as number) << 8)) << bitCount;
          from += 2;
          bitCount += 16;
        } else if (from < inputLength) {
          bits |= (input[from++] as number) << bitCount;
          bitCount += 8;
        }
        if (bitCount < width) throw new DecodeError("bad_lzw", "compressed data ends without its end code");
      }
      const code = bits & mask;
      bits >>>= width;
      bitCount -= width;

      let length = 1;
      if (code < clearCode) {
        if (at >= room) {
          output = grown(output, at, at + 1, maxBytes);
          view = new DataView(output.buffer);
          room = Math.min(output.length - slack, maxBytes);
        }
        output[at] = code;
      } else {
        if (code === clearCode) {
          width = minWidth;
          mask = (1 << minWidth) - 1;
          next = endCode;
          lastStart = -1;
          continue;
        }
        if (code === endCode) {
          isDone = true;
          break;
        }
        if (code > next) throw new DecodeError("bad_lzw", `code ${code} before it was given out`);
        let source = starts[code] as number;
        if (code === next && lastStart >= 0) {
          // This code is just being defined, and overlaps its own output.
          source = lastStart;
          length = lastLength + 1;
          if (at + length > room) {
            output = grown(output, at, at + length, maxBytes);
            view = new DataView(output.buffer);
            room = Math.min(output.length - slack, maxBytes);
          }
          for (let i = 0; i < length; i++) output[at + i] = output[source + i] as number;
        } else {
          length = lengths[code] as number;
          if (at + length > room) {
            output = grown(output, at, at + length, maxBytes);
            view = new DataView(output.buffer);
            room = Math.min(output.length - slack, maxBytes);
          }
          // Later output overwrites the excess bytes.
          if (length <= 4) {
            view.setUint32(at, view.getUint32(source, true), true);
          } else if (length < longExpansion) {
            for (let i = 0; i < length; i += 4) view.setUint32(at + i, view.getUint32(source + i, true), true);
          } else {
            output.copyWithin(at, source, source + length);
          }
        }
      }
      if (lastStart >= 0) {
        starts[next] = lastStart;
        lengths[next] = lastLength + 1;
      }
      lastStart = at;
      lastLength = length;
      at += length;
      next++;
      if (next > mask) {
        if (width < maxWidth) {
          width++;
          mask = (1 << width) - 1;
        } else {
          // The dictionary is full: it gets no further entry until it is cleared.
          next = maxCode;
          lastStart = -1;
        }
      }
    }
    this.#output = output;
    this.#at = at;
    this.#from = from;
    this.#width = width;
    this.#bits = bits;
    this.#bitCount = bitCount;
    this.#next = next;
    this.#lastStart = lastStart;
    this.#lastLength = lastLength;
    return isDone;
  }

  /** The output. Once, when {@link run} has said that it is all. */
  take(): Uint8Array {
    return outputOf(this.#output, this.#at);
  }
}

/** Memory for at least `needed` bytes of output, with the output so far. */
function grown(output: Uint8Array, used: number, needed: number, maxBytes: number): Uint8Array {
  if (needed > maxBytes) throw new DecodeError("too_large", `decompresses to over ${maxBytes} bytes`);
  const larger = new Uint8Array(Math.max(needed, Math.min(maxBytes, output.length * 2)) + slack);
  larger.set(output.subarray(0, used));
  return larger;
}

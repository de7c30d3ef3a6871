import { instantiate } from "../wasm/instantiate.ts";
import { lzw } from "../wasm/lzw.ts";
import { DecodeError } from "./decode-error.ts";
import { hashBitsFor } from "./lzw-codes.ts";

/** What fits, in bytes; the output has the rest of the memory. */
const inputMax = 128 * 1024;

/** What assembly/lzw.ts exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly dataAt: { readonly value: number };
  readonly slack: { readonly value: number };
  decompress(input: number, inputBits: number, output: number, outputMax: number): number;
  compress(input: number, end: number, output: number, hashBits: number, givesUp: boolean): number;
}

const needsRoom = -1;
const codeTooEarly = -2;

/** LZW in WebAssembly, for packets and short streams: some three times as fast as {@link LzwDecompressor}. Its memory is 512 KiB and does not grow. */
class LzwMachine {
  readonly #exports: Exports;
  readonly #memory: Uint8Array;
  readonly #inputAt: number;
  readonly #outputAt: number;

  constructor(exports: Exports) {
    const slack = exports.slack.value;
    this.#exports = exports;
    this.#memory = new Uint8Array(exports.memory.buffer);
    this.#inputAt = exports.dataAt.value;
    this.#outputAt = this.#inputAt + inputMax + slack;
  }

  /**
   * Compresses as {@link LzwCompressor} does: the same bytes.
   *
   * @param headroom bytes to leave free in front
   * @param givesUp stop where it looks as if the output would not be shorter than the input
   * @returns a view that is valid until something else is compressed or decompressed; "hopeless" where it gave up; undefined where the input
   *   does not fit, or is empty
   */
  compress(input: Uint8Array, headroom: number, givesUp: boolean): Uint8Array | "hopeless" | undefined {
    if (input.length > inputMax || input.length === 0) return undefined;
    const memory = this.#memory;
    const start = this.#outputAt;
    const hashBits = hashBitsFor(input.length);
    memory.set(input, this.#inputAt);
    const end = this.#exports.compress(this.#inputAt, this.#inputAt + input.length, start + headroom, hashBits, givesUp);
    return end < 0 ? "hopeless" : memory.subarray(start, end);
  }

  /**
   * @returns the output, in memory of its own; undefined where input or output do not fit
   * @throws DecodeError as {@link LzwDecompressor} does
   */
  decompress(input: Uint8Array, maxBytes: number): Uint8Array | undefined {
    if (input.length > inputMax) return undefined;
    const memory = this.#memory;
    const start = this.#outputAt;
    const room = memory.length - this.#exports.slack.value - start;
    memory.set(input, this.#inputAt);
    const end = this.#exports.decompress(this.#inputAt, input.length * 8, start, start + Math.min(room, maxBytes));
    if (end >= 0) return memory.slice(start, end);
    if (end === needsRoom && maxBytes > room) return undefined;
    if (end === needsRoom) throw new DecodeError("too_large", `decompresses to over ${maxBytes} bytes`);
    if (end === codeTooEarly) throw new DecodeError("bad_lzw", "a code before it was given out");
    throw new DecodeError("bad_lzw", "compressed data ends without its end code");
  }
}

let machine: LzwMachine | undefined;
let isTried = false;

/** The machine that all share. Undefined where there is no WebAssembly. */
export function lzwMachine(): LzwMachine | undefined {
  if (!isTried) {
    isTried = true;
    const exports = instantiate(lzw) as Exports | undefined;
    if (exports !== undefined) machine = new LzwMachine(exports);
  }
  return machine;
}

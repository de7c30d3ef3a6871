import { lzw } from "./lzw-wasm-bytes.ts";
import { DecodeError } from "../errors.ts";
import { hashBitsFor, hashKey, lzwWorst } from "./lzw-codes.ts";

/** The used part of the global; the types of Node and Deno disagree on it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const pageSize = 64 * 1024;

/** The bounds of a machine. */
interface Bounds {
  /** The longest input, in bytes. */
  readonly input: number;
  /** The largest memory, in pages: the longest input, and half as much again for its output, or more. */
  readonly pages: number;
}

/** Of the machine that all share: some 7 ms for the longest input. */
const sharedBounds: Bounds = { input: 1536 * 1024, pages: 64 };
/** Of a machine for one message. The bits of an input are counted in an integer of 32 bits. */
const longBounds: Bounds = { input: 256 * 1024 * 1024, pages: 16_384 };
/** How many times as long as its input an output is reckoned to be: members of a cluster are alike, and get to a third or less. */
const expansion = 6;

/** The exports of assembly/lzw.ts. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  /** Where the hash's key belongs, see {@link hashKey}. */
  readonly keyAt: { readonly value: number };
  readonly dataAt: { readonly value: number };
  readonly slack: { readonly value: number };
  decompress(input: number, inputBits: number, output: number, outputMax: number): number;
  compress(input: number, end: number, output: number, hashBits: number, givesUp: boolean): number;
}

const needsRoom = -1;
const codeTooEarly = -2;

/**
 * LZW in WebAssembly: two to three times as fast as {@link LzwCompressor} and {@link LzwDecompressor}. Its memory is 512 KiB, and grows when long
 * streams come: up to 4 MiB for the machine that all share.
 */
class LzwMachine {
  readonly #exports: Exports;
  readonly #bounds: Bounds;
  readonly #slack: number;
  readonly #inputAt: number;
  #memory: Uint8Array;

  constructor(exports: Exports, bounds: Bounds) {
    this.#exports = exports;
    this.#bounds = bounds;
    this.#slack = exports.slack.value;
    this.#inputAt = exports.dataAt.value;
    this.#memory = new Uint8Array(exports.memory.buffer);
    const key = hashKey();
    this.#memory.set(new Uint8Array(key.buffer), exports.keyAt.value);
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
    if (input.length > this.#bounds.input || input.length === 0) return undefined;
    const room = headroom + lzwWorst(input.length);
    const start = this.#put(input, room);
    if (start === undefined || start + room > this.#end) return undefined;
    const hashBits = hashBitsFor(input.length);
    const end = this.#exports.compress(this.#inputAt, this.#inputAt + input.length, start + headroom, hashBits, givesUp);
    return end < 0 ? "hopeless" : this.#memory.subarray(start, end);
  }

  /**
   * @returns the output, in memory of its own; undefined where input or output do not fit
   * @throws DecodeError as {@link LzwDecompressor} does
   */
  decompress(input: Uint8Array, maxBytes: number): Uint8Array | undefined {
    if (input.length > this.#bounds.input) return undefined;
    const start = this.#put(input, Math.min(maxBytes, input.length * expansion));
    if (start === undefined) return undefined;
    const room = this.#end - start;
    const end = this.#exports.decompress(this.#inputAt, input.length * 8, start, start + Math.min(room, maxBytes));
    if (end >= 0) return this.#memory.slice(start, end);
    if (end === needsRoom && maxBytes > room) return undefined;
    if (end === needsRoom) throw new DecodeError("too_large", `decompresses to over ${maxBytes} bytes`);
    throw new DecodeError(
      "bad_lzw",
      end === codeTooEarly ? "a code before it was given out" : "compressed data ends without its end code",
    );
  }

  /** Where an output has to end at last. */
  get #end(): number {
    return this.#memory.length - this.#slack;
  }

  /**
   * @param room for the output that is wished for; there may be less, where it cannot be had
   * @returns where the output may start; undefined where not even the input can be had
   */
  #put(input: Uint8Array, room: number): number | undefined {
    const outputAt = this.#inputAt + input.length + this.#slack;
    const pages = Math.min(this.#bounds.pages, Math.ceil((outputAt + room + this.#slack) / pageSize));
    const missing = pages - this.#memory.length / pageSize;
    if (missing > 0) {
      const { memory } = this.#exports;
      try {
        memory.grow(missing);
      } catch {
        // The system has no more.
      }
      this.#memory = new Uint8Array(memory.buffer);
    }
    if (outputAt > this.#end) return undefined;
    this.#memory.set(input, this.#inputAt);
    return outputAt;
  }
}

let compiled: object | undefined;

/** Undefined where WebAssembly, or a feature of it that the module uses, is absent or forbidden (Node's `--jitless`). */
function newMachine(bounds: Bounds): LzwMachine | undefined {
  try {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(lzw), (character) => character.charCodeAt(0)));
    return new LzwMachine(new WebAssembly.Instance(compiled).exports as Exports, bounds);
  } catch {
    return undefined;
  }
}

let machine: LzwMachine | undefined;
let isTried = false;

/** The machine that all share, made when it is needed first. Undefined in a runtime without WebAssembly. */
export function lzwMachine(): LzwMachine | undefined {
  if (!isTried) {
    isTried = true;
    machine = newMachine(sharedBounds);
  }
  return machine;
}

/**
 * The machine for a message that is done in one go. A long one, which usually is in a thread, has a machine of its own, whose memory ends with the
 * message. Undefined where it cannot be had.
 */
export function lzwMachineFor(input: Uint8Array): LzwMachine | undefined {
  return input.length > sharedBounds.input ? newMachine(longBounds) : lzwMachine();
}

import { gcm } from "../wasm/gcm.ts";
import { sharedMachine } from "../wasm/shared-machine.ts";

/** What assembly/gcm.ts exports. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly tablesSize: { readonly value: number };
  readonly hashKeyAt: { readonly value: number };
  readonly nonceAt: { readonly value: number };
  readonly dataAt: { readonly value: number };
  readonly streamAt: { readonly value: number };
  readonly dataMax: { readonly value: number };
  readonly additionalMax: { readonly value: number };
  prepare(): void;
  writeCounters(to: number, count: number): void;
  seal(additional: number, length: number): void;
  open(additional: number, length: number): number;
}

const blockSize = 16;
const nonceSize = 12;
const tagSize = 16;

/**
 * The part of AES-GCM that is not AES, in WebAssembly. Its memory of 512 KiB holds the tables of the key that was used last, and the message that is being
 * worked on: every call puts there what it needs.
 */
export class GcmMachine {
  /** Longer messages, and longer additional data, do not fit. */
  readonly dataMax: number;
  readonly additionalMax: number;
  readonly #exports: Exports;
  readonly #memory: Uint8Array;
  readonly #dataAt: number;
  readonly #streamAt: number;
  readonly #nonceAt: number;
  #tables: Uint8Array | undefined;

  constructor(exports: Exports) {
    this.#exports = exports;
    this.#memory = new Uint8Array(exports.memory.buffer);
    this.#dataAt = exports.dataAt.value;
    this.#streamAt = exports.streamAt.value;
    this.#nonceAt = exports.nonceAt.value;
    this.dataMax = exports.dataMax.value;
    this.additionalMax = exports.additionalMax.value;
  }

  /** @param hashKey the encrypted block of zeros @returns the key's tables: as secret as the key */
  tablesOf(hashKey: Uint8Array): Uint8Array {
    this.#memory.set(hashKey, this.#exports.hashKeyAt.value);
    this.#exports.prepare();
    this.#tables = this.#memory.slice(0, this.#exports.tablesSize.value);
    return this.#tables;
  }

  /**
   * The blocks that AES makes key streams of: for each nonce, the first ones.
   *
   * @param nonces one behind the other
   * @returns a view of the memory, valid until the next call
   */
  counterBlocks(nonces: Uint8Array, blocksEach: number): Uint8Array {
    let to = this.#streamAt;
    for (let at = 0; at < nonces.length; at += nonceSize) {
      this.#memory.set(nonces.length === nonceSize ? nonces : nonces.subarray(at, at + nonceSize), this.#nonceAt);
      this.#exports.writeCounters(to, blocksEach);
      to += blocksEach * blockSize;
    }
    return this.#memory.subarray(this.#streamAt, to);
  }

  /**
   * Encrypts.
   *
   * @param stream of a block for the tag, and as many as the plaintext has
   * @param at where in `target` ciphertext and tag are written
   * @throws RangeError for a shorter stream: what it does not reach would go out as it is
   */
  seal(
    tables: Uint8Array,
    stream: Uint8Array,
    plaintext: Uint8Array,
    additionalData: Uint8Array,
    target: Uint8Array,
    at: number,
  ): void {
    const { length } = plaintext;
    if (stream.length < blockSize + length) throw new RangeError("the key stream is shorter than the message");
    this.#load(tables, stream, plaintext, additionalData);
    this.#exports.seal(additionalData.length, length);
    target.set(this.#memory.subarray(this.#dataAt, this.#dataAt + length + tagSize), at);
  }

  /**
   * Decrypts.
   *
   * @param sealed ciphertext and tag
   * @param target where the plaintext is written; may be `stream`
   * @returns whether the tag was right; else nothing is written
   */
  open(tables: Uint8Array, stream: Uint8Array, sealed: Uint8Array, additionalData: Uint8Array, target: Uint8Array): boolean {
    const length = sealed.length - tagSize;
    this.#load(tables, stream, sealed, additionalData);
    if (this.#exports.open(additionalData.length, length) === 0) return false;
    target.set(this.#memory.subarray(this.#dataAt, this.#dataAt + length));
    return true;
  }

  #load(tables: Uint8Array, stream: Uint8Array, data: Uint8Array, additionalData: Uint8Array): void {
    const memory = this.#memory;
    if (tables !== this.#tables) {
      memory.set(tables);
      this.#tables = tables;
    }
    memory.set(stream, this.#streamAt);
    memory.set(data, this.#dataAt);
    if (additionalData.length === 0) return;
    const at = this.#dataAt - blockSize * Math.ceil(additionalData.length / blockSize);
    memory.fill(0, at, this.#dataAt);
    memory.set(additionalData, at);
  }
}

/** The machine that all keys share. Undefined where there is no WebAssembly, or none with SIMD. */
export const gcmMachine: () => GcmMachine | undefined = sharedMachine(gcm, (exports) => new GcmMachine(exports as Exports));

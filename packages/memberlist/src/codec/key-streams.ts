import { randomBytes } from "../ports/entropy.ts";
import { plainView } from "../wire/bytes.ts";
import type { GcmMachine } from "./gcm-machine.ts";

/**
 * AES with one key, block by block (ECB), of any number of whole blocks.
 *
 * @returns new memory, which is not used again
 */
export type EncryptBlocks = (blocks: Uint8Array) => Uint8Array;

const nonceSize = 12;
const blockSize = 16;

/**
 * Random nonces with the key streams of messages up to a length, drawn some at a time: encrypting the blocks of 16 messages takes a call, as those of one do.
 * Each is given out once, and wiped when it has been used.
 */
export class KeyStreams {
  readonly #encryptBlocks: EncryptBlocks;
  readonly #machine: GcmMachine;
  readonly #blocks: number;
  readonly #perDraw: number;
  #nonces: Uint8Array = new Uint8Array(0);
  #streams: Uint8Array = new Uint8Array(0);
  #next: number;

  /** @param blocks of a key stream: one for the tag, and those of the message */
  constructor(encryptBlocks: EncryptBlocks, machine: GcmMachine, blocks: number, perDraw: number) {
    this.#encryptBlocks = encryptBlocks;
    this.#machine = machine;
    this.#blocks = blocks;
    this.#perDraw = perDraw;
    this.#next = perDraw;
  }

  /** @returns the next key stream, whose nonce is written into `target`. Whoever has used it wipes it */
  take(target: Uint8Array, at: number): Uint8Array {
    if (this.#next === this.#perDraw) this.#draw();
    const index = this.#next++;
    target.set(this.#nonces.subarray(index * nonceSize, (index + 1) * nonceSize), at);
    const size = this.#blocks * blockSize;
    return this.#streams.subarray(index * size, (index + 1) * size);
  }

  #draw(): void {
    this.#nonces = randomBytes(this.#perDraw * nonceSize);
    this.#streams = plainView(this.#encryptBlocks(this.#machine.counterBlocks(this.#nonces, this.#blocks)));
    this.#next = 0;
  }
}

import type { AesGcm } from "../ports/codec.ts";
import { randomBytes } from "../ports/entropy.ts";
import { plainView } from "../wire/bytes.ts";
import { packetBytes } from "../wire/packet-bytes.ts";
import type { GcmMachine } from "./gcm-machine.ts";
import { KeyStreams, type EncryptBlocks } from "./key-streams.ts";

const nonceSize = 12;
const blockSize = 16;
const tagSize = 16;

/** Of the key streams that are drawn ahead, blocks: for pings and acks, and for packets of 1,400 bytes and somewhat more. */
const shortBlocks = 9;
const longBlocks = 93;
const perDraw = 16;
/** Asking the system for 12 bytes costs as much as asking for 12,000. */
const noncesPerDraw = 256;

/** The longest message whose key stream is drawn ahead, in bytes. */
export const drawnAheadMax: number = (longBlocks - 1) * blockSize;

/** AES-GCM with one key: AES by the runtime, which encrypts many blocks in one call, and the rest in WebAssembly. It takes what fits the machine. */
export class BlockGcm implements AesGcm {
  readonly #encryptBlocks: EncryptBlocks;
  readonly #machine: GcmMachine;
  readonly #tables: Uint8Array;
  readonly #short: KeyStreams;
  readonly #long: KeyStreams;
  #nonces: Uint8Array = new Uint8Array(0);
  #nextNonce = 0;

  constructor(encryptBlocks: EncryptBlocks, machine: GcmMachine) {
    this.#encryptBlocks = encryptBlocks;
    this.#machine = machine;
    this.#tables = machine.tablesOf(encryptBlocks(new Uint8Array(blockSize)));
    this.#short = new KeyStreams(encryptBlocks, machine, shortBlocks, perDraw);
    this.#long = new KeyStreams(encryptBlocks, machine, longBlocks, perDraw);
  }

  seal(plaintext: Uint8Array, additionalData: Uint8Array, headroom: number): Uint8Array {
    const sealed = packetBytes(headroom + nonceSize + plaintext.length + tagSize);
    const stream = this.#takeStream(plaintext.length, sealed, headroom);
    this.#machine.seal(this.#tables, stream, plaintext, additionalData, sealed, headroom + nonceSize);
    stream.fill(0);
    return sealed;
  }

  open(sealed: Uint8Array, additionalData: Uint8Array): Uint8Array | undefined {
    const length = sealed.length - nonceSize - tagSize;
    // Its memory becomes the plaintext's: an array of its own would cost as much as AES.
    const stream = this.#streamOf(sealed.subarray(0, nonceSize), length);
    const isRight = this.#machine.open(this.#tables, stream, sealed.subarray(nonceSize), additionalData, stream);
    stream.fill(0, isRight ? length : 0);
    return isRight ? stream.subarray(0, length) : undefined;
  }

  #takeStream(length: number, target: Uint8Array, at: number): Uint8Array {
    if (length <= (shortBlocks - 1) * blockSize) return this.#short.take(target, at);
    if (length <= drawnAheadMax) return this.#long.take(target, at);
    const nonce = this.#drawNonce();
    target.set(nonce, at);
    return this.#streamOf(nonce, length);
  }

  #drawNonce(): Uint8Array {
    if (this.#nextNonce === this.#nonces.length) {
      this.#nonces = randomBytes(nonceSize * noncesPerDraw);
      this.#nextNonce = 0;
    }
    return this.#nonces.subarray(this.#nextNonce, (this.#nextNonce += nonceSize));
  }

  #streamOf(nonce: Uint8Array, length: number): Uint8Array {
    return plainView(this.#encryptBlocks(this.#machine.counterBlocks(nonce, 1 + Math.ceil(length / blockSize))));
  }
}

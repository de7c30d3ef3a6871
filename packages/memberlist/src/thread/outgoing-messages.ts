import type { Address } from "../api/address.ts";
import { Fifo } from "../util/fifo.ts";
import { compressedView } from "../wire/compression/compress.ts";
import { crcOverhead, datagramMaxBytes } from "../wire/constants.ts";
import { packetTooLong } from "../wire/errors.ts";
import { encodeUser } from "../wire/messages/encode.ts";
import { MessageBlockBuilder, type MessageBlock } from "./message-block.ts";
import { shared } from "./thread-messages.ts";

/** A block of so many bytes does not wait for the end of the running code. */
const fullBlock = 256 * 1024;
/** From so many bytes on that the thread has not sent, senders should pause; and messages are dropped. */
const pauseBytes = 1024 * 1024;
const maxBytes = 64 * 1024 * 1024;
/** What a block takes besides its messages, about: many small ones take memory, too. */
const blockOverhead = 512;

export interface OutgoingMessagesOptions {
  readonly memory: Int32Array;
  /** False while there is no thread. */
  readonly post: (block: MessageBlock, transfer: readonly ArrayBuffer[]) => boolean;
  /** Messages that could not be sent. */
  readonly onDropped: (count: number) => void;
}

/** The messages of `sendBestEffort` on their way to the thread: those of one turn travel together. */
export class OutgoingMessages {
  readonly #options: OutgoingMessagesOptions;
  /** The sizes of the blocks that the thread has not sent yet. */
  readonly #posted: Fifo<number> = new Fifo();
  #postedBytes = 0;
  #sentBlocks: number;
  #block: MessageBlockBuilder | undefined;

  constructor(options: OutgoingMessagesOptions) {
    this.#options = options;
    this.#sentBlocks = Atomics.load(options.memory, shared.sentBlocks);
  }

  /** @returns false when the sender should pause */
  add(message: Uint8Array, to: Address, crc: boolean): boolean {
    const { memory, onDropped } = this.#options;
    this.#follow();
    if (this.#postedBytes > maxBytes) {
      onDropped(1);
      return false;
    }
    if (this.#block === undefined) {
      this.#block = new MessageBlockBuilder();
      queueMicrotask(() => this.flush());
    }
    this.#block.add(message, to, crc);
    if (this.#block.size >= fullBlock) this.flush();
    return this.#postedBytes < pauseBytes && Atomics.load(memory, shared.isCongested) === 0;
  }

  /** Posts what waits: before any other call, so that the order stays. */
  flush(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#block = undefined;
    const built = block.build();
    const size = built.block.bytes.byteLength + built.block.table.byteLength + blockOverhead;
    if (!this.#options.post(built.block, built.transfer)) {
      this.#options.onDropped(block.count);
      return;
    }
    this.#posted.push(size);
    this.#postedBytes += size;
  }

  #follow(): void {
    const sent = Atomics.load(this.#options.memory, shared.sentBlocks);
    for (; this.#sentBlocks !== sent; this.#sentBlocks = (this.#sentBlocks + 1) | 0) {
      this.#postedBytes -= this.#posted.shift() ?? 0;
    }
  }

  /** The thread has ended: what it had not sent is lost. */
  forget(): void {
    this.#posted.clear();
    this.#postedBytes = 0;
    this.#sentBlocks = Atomics.load(this.#options.memory, shared.sentBlocks);
    Atomics.store(this.#options.memory, shared.isCongested, 0);
  }
}

/**
 * Checks that a message fits into a packet, as the thread will.
 *
 * @param overhead of label and encryption
 * @throws MemberlistError `message_too_large`
 */
export function checkPacketSize(message: Uint8Array, crc: boolean, compresses: boolean, overhead: number): void {
  const layers = overhead + (crc ? crcOverhead : 0);
  if (message.length + 1 + layers <= datagramMaxBytes) return;
  const encoded = encodeUser(message);
  const size = layers + ((compresses ? compressedView(encoded)?.length : undefined) ?? encoded.length);
  if (size <= datagramMaxBytes) return;
  throw packetTooLong(size);
}

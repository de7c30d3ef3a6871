import type { Address } from "../api/address.ts";
import type { Clock } from "../ports/clock.ts";
import { Fifo } from "../util/fifo.ts";
import { compressedView } from "../wire/compression/compress.ts";
import { crcOverhead, datagramMaxBytes } from "../wire/constants.ts";
import { packetTooLong } from "../wire/errors.ts";
import { encodeUser } from "../wire/messages/encode.ts";
import { MessageBlockBuilder, type MessageBlock } from "./message-block.ts";
import { shared } from "./thread-messages.ts";

/** A block with this many bytes is posted before the running code ends. */
const fullBlock = 256 * 1024;
/** If the thread has not sent this many bytes yet, senders should pause. */
const pauseBytes = 1024 * 1024;
/** If the thread has not sent this many bytes yet, further messages are dropped. */
const maxBytes = 64 * 1024 * 1024;
/** The memory of a block besides its messages, in bytes, estimated. */
const blockOverhead = 512;

export interface OutgoingMessagesOptions {
  readonly clock: Clock;
  readonly memory: Int32Array;
  /** @returns false if no member runs */
  readonly post: (block: MessageBlock) => boolean;
  /** `count` messages were dropped. */
  readonly onDropped: (count: number) => void;
}

/** Collects the messages of `sendBestEffort`, and posts those of one turn of the event loop to the thread together. */
export class OutgoingMessages {
  readonly #options: OutgoingMessagesOptions;
  /** The sizes of the blocks that the thread has not sent yet. */
  readonly #posted: Fifo<number> = new Fifo();
  #postedBytes = 0;
  #sentBlocks: number;
  /** The bytes of the last block. */
  #lastSize = 0;
  #block: MessageBlockBuilder | undefined;

  constructor(options: OutgoingMessagesOptions) {
    this.#options = options;
    this.#sentBlocks = Atomics.load(options.memory, shared.sentBlocks);
  }

  /** @returns false if the sender should pause */
  add(message: Uint8Array, to: Address, crc: boolean): boolean {
    const { clock, memory, onDropped } = this.#options;
    this.#follow();
    if (this.#postedBytes > maxBytes) {
      onDropped(1);
      return false;
    }
    if (this.#block === undefined) {
      this.#block = new MessageBlockBuilder(this.#lastSize);
      clock.defer(this.#flushDeferred);
    }
    this.#block.add(message, to, crc);
    if (this.#block.size >= fullBlock) this.flush();
    return this.#postedBytes < pauseBytes && Atomics.load(memory, shared.isCongested) === 0;
  }

  /** Posts the collected messages. Every other call does so first, to keep the order. */
  flush(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#block = undefined;
    const built = block.build();
    this.#lastSize = built.bytes.byteLength;
    const size = this.#lastSize + blockOverhead;
    if (!this.#options.post(built)) {
      this.#options.onDropped(block.count);
      return;
    }
    this.#posted.push(size);
    this.#postedBytes += size;
  }

  readonly #flushDeferred = (): void => this.flush();

  #follow(): void {
    const sent = Atomics.load(this.#options.memory, shared.sentBlocks);
    for (; this.#sentBlocks !== sent; this.#sentBlocks = (this.#sentBlocks + 1) | 0) {
      this.#postedBytes -= this.#posted.shift() ?? 0;
    }
  }

  /** The thread has ended, and has lost the messages that it had not sent. */
  forget(): void {
    this.#posted.clear();
    this.#postedBytes = 0;
    this.#sentBlocks = Atomics.load(this.#options.memory, shared.sentBlocks);
    Atomics.store(this.#options.memory, shared.isCongested, 0);
  }
}

/**
 * Checks that a message fits into a packet. The thread could report that only later.
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

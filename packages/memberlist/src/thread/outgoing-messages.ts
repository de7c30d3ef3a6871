import type { Address } from "../api/address.ts";
import type { Clock } from "../ports/clock.ts";
import { Fifo } from "../util/fifo.ts";
import { compressedView } from "../wire/compression/compress.ts";
import { crcOverhead, datagramMaxBytes } from "../wire/constants.ts";
import { packetTooLong } from "../wire/errors.ts";
import { encodeUser } from "../wire/messages/encode.ts";
import { longestOf, MessageBlockBuilder, type MessageBlock } from "./message-block.ts";
import { shared } from "./thread-messages.ts";

/** The longest block, in bytes. Allocating a longer one takes more time than allocating several. */
const blockBytes = 32 * 1024;
/** Blocks with this many bytes are posted before the running code ends. */
const postedAtOnce = 256 * 1024;
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
  readonly post: (blocks: readonly MessageBlock[]) => boolean;
  /** `count` messages were dropped. */
  readonly onDropped: (count: number) => void;
}

/** Collects the messages of `sendBestEffort`, and posts those of one turn of the event loop to the thread together. */
export class OutgoingMessages {
  readonly #options: OutgoingMessagesOptions;
  /** The bytes of each post that the thread has not sent yet. */
  readonly #posted: Fifo<number> = new Fifo();
  #postedBytes = 0;
  #sentPosts: number;
  /** The bytes of the longest block of the last post. */
  #longest = 0;
  #block: MessageBlockBuilder | undefined;
  /** The full blocks before that one. */
  #blocks: MessageBlock[] = [];
  /** Their bytes, and {@link blockOverhead} for each. */
  #blocksBytes = 0;

  constructor(options: OutgoingMessagesOptions) {
    this.#options = options;
    this.#sentPosts = Atomics.load(options.memory, shared.sentPosts);
  }

  /** @returns false if the sender should pause */
  add(message: Uint8Array, to: Address, crc: boolean): boolean {
    const { clock, memory, onDropped } = this.#options;
    const isFirst = this.#block === undefined && this.#blocks.length === 0;
    // Shared memory is read once for the messages of a turn, unless many of them wait.
    if (isFirst || this.#postedBytes >= pauseBytes) this.#follow();
    if (this.#postedBytes > maxBytes) {
      onDropped(1);
      return false;
    }
    if (isFirst) clock.defer(this.#flushDeferred);
    if (this.#block?.hasRoom(1 + message.length) === false) this.#endBlock(this.#block);
    this.#block ??= new MessageBlockBuilder(blockBytes, this.#longest);
    this.#block.add(message, to, crc);
    if (this.#blocksBytes >= postedAtOnce) this.flush();
    return this.#postedBytes < pauseBytes && Atomics.load(memory, shared.isCongested) === 0;
  }

  /** Posts the collected messages. Every other call does so first, to keep the order. */
  flush(): void {
    if (this.#block !== undefined) this.#endBlock(this.#block);
    const blocks = this.#blocks;
    const bytes = this.#blocksBytes;
    if (blocks.length === 0) return;
    this.#longest = longestOf(blocks);
    this.#blocks = [];
    this.#blocksBytes = 0;
    if (!this.#options.post(blocks)) {
      this.#options.onDropped(blocks.reduce((sum, { count }) => sum + count, 0));
      return;
    }
    this.#posted.push(bytes);
    this.#postedBytes += bytes;
  }

  #endBlock(builder: MessageBlockBuilder): void {
    const block = builder.build();
    this.#block = undefined;
    this.#blocks.push(block);
    this.#blocksBytes += block.bytes.byteLength + blockOverhead;
  }

  readonly #flushDeferred = (): void => this.flush();

  #follow(): void {
    const sent = Atomics.load(this.#options.memory, shared.sentPosts);
    for (; this.#sentPosts !== sent; this.#sentPosts = (this.#sentPosts + 1) | 0) {
      this.#postedBytes -= this.#posted.shift() ?? 0;
    }
  }

  /** The thread has ended, and has lost the messages that it had not sent. */
  forget(): void {
    this.#posted.clear();
    this.#postedBytes = 0;
    this.#sentPosts = Atomics.load(this.#options.memory, shared.sentPosts);
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

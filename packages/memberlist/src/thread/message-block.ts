import type { Address } from "../api/address.ts";
import { messageType } from "../wire/constants.ts";

/**
 * The table behind the messages has four numbers for each: where it starts and ends, the index of its address, and 1 if the receiver understands
 * checksums.
 */
const fields = 4;
const bytesPerEntry = fields * Uint32Array.BYTES_PER_ELEMENT;
const firstBytes = 1024;
/** A receiver that keeps a view of a message keeps at most so many bytes for each of its bytes. */
const keptPerByte = 16;

/**
 * Many user messages, encoded as in a packet (the byte of their type, and their bytes), and their addresses in a few objects, because cloning an
 * object for each message takes longer than sending it.
 */
export interface MessageBlock {
  readonly bytes: ArrayBuffer;
  /** Where the table begins. */
  readonly tableAt: number;
  readonly count: number;
  readonly addresses: readonly Address[];
}

/** Collects messages for a {@link MessageBlock}. */
export class MessageBlockBuilder {
  #bytes: Uint8Array<ArrayBuffer>;
  readonly #table: number[] = [];
  #used = 0;
  #count = 0;
  readonly #addresses: Address[] = [];
  readonly #indexes: Map<string, number> = new Map();
  #lastAddress: Address | undefined;
  #lastIndex = 0;
  /** The messages that were added last are next to each other in their packet, from `#runStart` to `#runEnd`. They are copied in one go. */
  #run: Uint8Array | undefined;
  #runStart = 0;
  #runEnd = 0;

  readonly #maxBytes: number;

  /**
   * @param maxBytes of its block, unless that has only one message
   * @param expected about how many bytes its block will have. Default 0
   */
  constructor(maxBytes: number, expected: number = 0) {
    this.#maxBytes = maxBytes;
    this.#bytes = new Uint8Array(Math.min(expected, maxBytes));
  }

  /** The bytes of the messages. */
  get size(): number {
    return this.#used + this.#runEnd - this.#runStart;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether an encoded message of `bytes` bytes still fits. */
  hasRoom(bytes: number): boolean {
    return this.#count === 0 || alignedEnd(this.size + bytes) + (this.#count + 1) * bytesPerEntry <= this.#maxBytes;
  }

  /** Copies a message, and encodes it. */
  add(message: Uint8Array, address: Address, crc: boolean = false): void {
    this.settle();
    const start = this.#used;
    const end = start + 1 + message.length;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes[start] = messageType.user;
    this.#bytes.set(message, start + 1);
    this.#used = end;
    this.#addEntry(start, end, address, crc);
  }

  /** Copies an encoded message, which is a part of a packet. The packet must not change until {@link settle} or {@link build}. */
  addPart(packet: Uint8Array, start: number, end: number, address: Address): void {
    if (packet !== this.#run || start !== this.#runEnd) {
      this.settle();
      this.#run = packet;
      this.#runStart = start;
    }
    this.#runEnd = end;
    const offset = this.#used - this.#runStart;
    this.#addEntry(offset + start, offset + end, address, false);
  }

  /** Copies the last parts, and gives unused memory back, because the block may wait for long. */
  end(): void {
    this.settle();
    if (this.#used + this.#count * bytesPerEntry < this.#bytes.length / 2) this.#bytes = this.#bytes.slice(0, this.#used);
  }

  /** Copies the parts that {@link addPart} got, so that their packet is free again. */
  settle(): void {
    const run = this.#run;
    if (run === undefined) return;
    const start = this.#used;
    const end = this.size;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(run.subarray(this.#runStart, this.#runEnd), start);
    this.#used = end;
    this.#run = undefined;
    this.#runStart = 0;
    this.#runEnd = 0;
  }

  build(): MessageBlock {
    this.settle();
    const tableAt = alignedEnd(this.#used);
    const end = tableAt + this.#count * bytesPerEntry;
    if (end > this.#bytes.length) this.#grow(end);
    new Uint32Array(this.#bytes.buffer, tableAt, this.#count * fields).set(this.#table);
    const all = this.#bytes.buffer;
    // A small block may wait for long, so it must not take much more memory than its messages.
    const bytes = end < all.byteLength / 2 ? all.slice(0, end) : all;
    return { bytes, tableAt, count: this.#count, addresses: this.#addresses };
  }

  #grow(end: number): void {
    const longer = new Uint8Array(Math.max(end, Math.min(Math.max(this.#bytes.length * 2, firstBytes), this.#maxBytes)));
    longer.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = longer;
  }

  #addEntry(start: number, end: number, address: Address, crc: boolean): void {
    const index = address === this.#lastAddress ? this.#lastIndex : this.#indexOf(address);
    this.#table.push(start, end, index, crc ? 1 : 0);
    this.#count++;
  }

  #indexOf(address: Address): number {
    const last = this.#lastAddress;
    const { host, name, port } = address;
    if (last !== undefined && last.host === host && last.port === port && last.name === name) return this.#lastIndex;
    const key = `${port} ${host} ${name}`;
    let index = this.#indexes.get(key);
    if (index === undefined) {
      index = this.#addresses.length;
      this.#addresses.push({ host, port, name });
      this.#indexes.set(key, index);
    }
    this.#lastAddress = address;
    this.#lastIndex = index;
    return index;
  }
}

/** The bytes of the longest block. */
export function longestOf(blocks: readonly MessageBlock[]): number {
  return blocks.reduce((longest, { bytes }) => Math.max(longest, bytes.byteLength), 0);
}

/** Where the table begins after so many bytes. */
function alignedEnd(bytes: number): number {
  return Math.ceil(bytes / bytesPerEntry) * bytesPerEntry;
}

/** Takes an encoded message, from `start` to `end` of `bytes`, which do not change afterwards. */
export type TakeEncoded = (bytes: Uint8Array, start: number, end: number, address: Address, crc: boolean) => void;

/** Reads a {@link MessageBlock}. */
export class MessageBlockReader {
  readonly #block: MessageBlock;
  readonly #all: Uint8Array;
  readonly #table: Uint32Array;
  #next = 0;

  constructor(block: MessageBlock) {
    this.#block = block;
    this.#all = new Uint8Array(block.bytes);
    this.#table = new Uint32Array(block.bytes, block.tableAt, block.count * fields);
  }

  /** Also true if the receiver of a view has transferred the block to another thread, and the other messages with it. */
  get isAtEnd(): boolean {
    return this.#next === this.#block.count || this.#all.length === 0;
  }

  /** Calls `take` with the next message, which the receiver may keep: a copy, or a view if the message is a good part of the block. */
  next(take: (message: Uint8Array, address: Address) => void): void {
    const { addresses, bytes } = this.#block;
    const table = this.#table;
    const at = this.#next++ * fields;
    const start = (table[at] as number) + 1;
    const end = table[at + 1] as number;
    const isView = (end - start) * keptPerByte >= bytes.byteLength;
    take(isView ? this.#all.subarray(start, end) : this.#all.slice(start, end), addresses[table[at + 2] as number] as Address);
  }

  /** Calls `take` with the next message as it is encoded. */
  nextEncoded(take: TakeEncoded): void {
    const { addresses } = this.#block;
    const table = this.#table;
    const at = this.#next++ * fields;
    const address = addresses[table[at + 2] as number] as Address;
    take(this.#all, table[at] as number, table[at + 1] as number, address, table[at + 3] === 1);
  }
}

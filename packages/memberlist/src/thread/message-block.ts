import type { Address } from "../api/address.ts";
import { plainView } from "../wire/bytes.ts";

/** The table has three numbers for each message: its length, the index of its address, and 1 if the receiver understands checksums. */
const fields = 3;
const firstMessages = 16;
const firstBytes = 1024;

/** Many messages and their addresses in a few objects, because cloning an object for each message takes longer than sending it. */
export interface MessageBlock {
  readonly bytes: ArrayBuffer;
  readonly table: Uint32Array;
  readonly count: number;
  readonly addresses: readonly Address[];
}

/** Collects messages for a {@link MessageBlock}. */
export class MessageBlockBuilder {
  #bytes: Uint8Array<ArrayBuffer>;
  #table: Uint32Array<ArrayBuffer> = new Uint32Array(0);
  #used = 0;
  #count = 0;
  readonly #addresses: Address[] = [];
  readonly #indexes: Map<string, number> = new Map();
  #lastAddress: Address | undefined;
  #lastIndex = 0;

  /** @param expected about how many bytes its messages will have */
  constructor(expected: number = 0) {
    this.#bytes = new Uint8Array(expected);
  }

  /** The bytes of the messages. */
  get size(): number {
    return this.#used;
  }

  get count(): number {
    return this.#count;
  }

  /** Copies the message. */
  add(message: Uint8Array, address: Address, crc: boolean = false): void {
    const end = this.#used + message.length;
    if (end > this.#bytes.length) {
      const longer = new Uint8Array(Math.max(end, this.#bytes.length * 2, firstBytes));
      longer.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = longer;
    }
    this.#bytes.set(message, this.#used);
    this.#used = end;
    const at = this.#count * fields;
    if (at === this.#table.length) {
      const longer = new Uint32Array(Math.max(at * 2, firstMessages * fields));
      longer.set(this.#table);
      this.#table = longer;
    }
    this.#table[at] = message.length;
    this.#table[at + 1] = this.#indexOf(address);
    this.#table[at + 2] = crc ? 1 : 0;
    this.#count++;
  }

  build(): { readonly block: MessageBlock; readonly transfer: readonly ArrayBuffer[] } {
    // A small block may wait for long, so it must not take much more memory than its messages.
    const isMostlyFree = this.#used < this.#bytes.length / 2;
    const bytes = isMostlyFree ? this.#bytes.buffer.slice(0, this.#used) : this.#bytes.buffer;
    const table = isMostlyFree ? this.#table.slice(0, this.#count * fields) : this.#table;
    const block = { bytes, table, count: this.#count, addresses: this.#addresses };
    return { block, transfer: [bytes, table.buffer] };
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

/** Reads a {@link MessageBlock}. */
export class MessageBlockReader {
  readonly #block: MessageBlock;
  readonly #all: Uint8Array;
  #next = 0;
  #at = 0;

  constructor(block: MessageBlock) {
    this.#block = block;
    this.#all = plainView(new Uint8Array(block.bytes));
  }

  get isAtEnd(): boolean {
    return this.#next === this.#block.count;
  }

  /** Calls `take` with the next message. @param keeps whether the receiver may keep the message: it gets a copy, not a view of the block */
  next(keeps: boolean, take: (message: Uint8Array, address: Address, crc: boolean) => void): void {
    const { addresses, table } = this.#block;
    const at = this.#next++ * fields;
    const start = this.#at;
    this.#at = start + (table[at] as number);
    const message = keeps ? this.#all.slice(start, this.#at) : this.#all.subarray(start, this.#at);
    take(message, addresses[table[at + 1] as number] as Address, table[at + 2] === 1);
  }
}

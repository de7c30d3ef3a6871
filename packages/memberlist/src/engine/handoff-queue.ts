import type { Address } from "../address.ts";
import { messageType } from "../wire/constants.ts";

/** A message that waits to be handled apart from pings and acks. */
export interface HandoffMessage {
  readonly type: number;
  readonly body: Uint8Array;
  readonly from: Address;
}

/**
 * Membership and user messages wait here, so that pings and acks, answered at once, are never late behind them.
 * Alive messages go first. Source: PROTOCOL.md section 3.
 */
export class HandoffQueue {
  readonly #depth: number;
  readonly #alive: Fifo<HandoffMessage> = new Fifo();
  readonly #rest: Fifo<HandoffMessage> = new Fifo();

  /** @param depth `handoffQueueDepth`: the most that wait, for alive messages and for the rest each */
  constructor(depth: number) {
    this.#depth = depth;
  }

  get size(): number {
    return this.#alive.size + this.#rest.size;
  }

  /** @returns false when the queue is full and the message was not taken */
  push(message: HandoffMessage): boolean {
    const queue = message.type === messageType.alive ? this.#alive : this.#rest;
    if (queue.size >= this.#depth) return false;
    queue.push(message);
    return true;
  }

  shift(): HandoffMessage | undefined {
    return this.#alive.shift() ?? this.#rest.shift();
  }

  clear(): void {
    this.#alive.clear();
    this.#rest.clear();
  }
}

/** First in, first out, without moving what waits. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) this.clear();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}

import type { Address } from "../address.ts";
import { keepable } from "../wire/bytes.ts";
import { maxHandoffBytes, messageType } from "../wire/constants.ts";

/** A message that waits to be handled apart from pings and acks. */
export interface HandoffMessage {
  readonly type: number;
  readonly body: Uint8Array;
  readonly from: Address;
}

/**
 * Membership and user messages wait here, so that pings and acks, answered at once, are never late behind them.
 * Alive messages go first. What waits keeps about its own length: short messages out of a large packet are copied. Source: PROTOCOL.md
 * section 3.
 */
export class HandoffQueue {
  readonly #depth: number;
  readonly #alive: Fifo = new Fifo();
  readonly #rest: Fifo = new Fifo();

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
    if (queue.size >= this.#depth || queue.bytes + message.body.length > maxHandoffBytes) return false;
    const body = keepable(message.body);
    queue.push(body === message.body ? message : { ...message, body });
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
class Fifo {
  #items: (HandoffMessage | undefined)[] = [];
  #head = 0;
  #bytes = 0;

  /** Of all that waits. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: HandoffMessage): void {
    this.#items.push(item);
    this.#bytes += item.body.length;
  }

  shift(): HandoffMessage | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    this.#bytes -= item?.body.length ?? 0;
    if (this.#head === this.#items.length) this.clear();
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
  }
}

import type { Address } from "../api/address.ts";
import { Fifo } from "../util/fifo.ts";
import { keepable } from "../wire/bytes.ts";
import { messageType } from "../wire/constants.ts";
import { maxHandoffBytes } from "../wire/input-limits.ts";

/** A message that waits to be handled apart from pings and acks. */
export interface HandoffMessage {
  readonly type: number;
  readonly body: Uint8Array;
  readonly from: Address;
}

/**
 * Membership and user messages wait here, so that pings and acks, answered at once, are never late behind them.
 * Alive messages go first. A queued message keeps about its own length alive: short messages from a large packet are copied. Source: PROTOCOL.md
 * section 3.
 */
export class HandoffQueue {
  readonly #depth: number;
  readonly #alive: MessageQueue = new MessageQueue();
  readonly #rest: MessageQueue = new MessageQueue();
  #peak = 0;

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
    this.#peak = Math.max(this.#peak, this.size);
    return true;
  }

  /** The most messages that waited at once since the last call. */
  takePeak(): number {
    const peak = this.#peak;
    this.#peak = this.size;
    return peak;
  }

  shift(): HandoffMessage | undefined {
    return this.#alive.shift() ?? this.#rest.shift();
  }

  clear(): void {
    this.#alive.clear();
    this.#rest.clear();
  }
}

/** Messages in the order in which they came, and their bytes. */
class MessageQueue {
  readonly #messages: Fifo<HandoffMessage> = new Fifo();
  #bytes = 0;

  /** Of all that waits. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#messages.size;
  }

  push(message: HandoffMessage): void {
    this.#messages.push(message);
    this.#bytes += message.body.length;
  }

  shift(): HandoffMessage | undefined {
    const message = this.#messages.shift();
    this.#bytes -= message?.body.length ?? 0;
    return message;
  }

  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
  }
}

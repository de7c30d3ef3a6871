import type { Address } from "../api/address.ts";
import { Fifo } from "../util/fifo.ts";
import { copyBytes, pinsMuch } from "../wire/bytes.ts";
import { messageType } from "../wire/constants.ts";
import { maxHandoffBytes } from "../wire/input-limits.ts";

/** A message that waits to be handled apart from pings and acks. It has no view of the packet, because a view takes 104 bytes, and thousands of messages may wait. */
export interface HandoffMessage {
  readonly type: number;
  readonly packet: Uint8Array;
  /** Where the body begins and ends in the packet. */
  readonly start: number;
  readonly end: number;
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
    const { type, packet, start, end, from } = message;
    const size = end - start;
    const queue = type === messageType.alive ? this.#alive : this.#rest;
    if (queue.size >= this.#depth || queue.bytes + size > maxHandoffBytes) return false;
    queue.push(
      pinsMuch(packet, size) ? { type, packet: copyBytes(packet.subarray(start, end)), start: 0, end: size, from } : message,
    );
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
    this.#bytes += message.end - message.start;
  }

  shift(): HandoffMessage | undefined {
    const message = this.#messages.shift();
    if (message !== undefined) this.#bytes -= message.end - message.start;
    return message;
  }

  clear(): void {
    this.#messages.clear();
    this.#bytes = 0;
  }
}

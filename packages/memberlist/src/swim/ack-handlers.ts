import type { AckResp } from "../wire/messages/types.ts";
import type { ScheduledTimer, TimerQueue } from "./timers.ts";

export interface AckHandler {
  /** Called at most once. `receivedAt` in ms on the engine's clock. */
  ack(payload: Uint8Array, receivedAt: number): void;
  nack?(): void;
}

interface Waiting {
  readonly handler: AckHandler;
  readonly timer: ScheduledTimer;
}

/** The handlers that wait for acks, by sequence number. Source: PROTOCOL.md section 3. */
export class AckHandlers {
  readonly #timers: TimerQueue;
  readonly #waiting: Map<number, Waiting> = new Map();

  constructor(timers: TimerQueue) {
    this.#timers = timers;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @param until when the handler is forgotten, in ms; nothing calls it then */
  set(seqNo: number, until: number, handler: AckHandler): void {
    const timer = this.#timers.set(until, () => this.#waiting.delete(seqNo));
    this.#waiting.set(seqNo, { handler, timer });
  }

  /** Lets the handler wait `ms` longer. */
  postpone(seqNo: number, ms: number): void {
    this.#timers.postpone(this.#waiting.get(seqNo)?.timer, ms);
  }

  delete(seqNo: number): void {
    this.#timers.cancel(this.#waiting.get(seqNo)?.timer);
    this.#waiting.delete(seqNo);
  }

  /** Unknown sequence numbers are ignored: late, or not ours. */
  ack(message: AckResp, receivedAt: number): void {
    const waiting = this.#waiting.get(message.seqNo);
    if (waiting === undefined) return;
    this.delete(message.seqNo);
    waiting.handler.ack(message.payload, receivedAt);
  }

  nack(seqNo: number): void {
    this.#waiting.get(seqNo)?.handler.nack?.();
  }
}

import type { Clock, ClockTimer } from "../ports/clock.ts";
import { encodeAck } from "./packet-frames.ts";

/** Bytes that are acknowledged at once; fewer wait for more. */
const ackEvery = 32 * 1024;
/** How long fewer bytes wait, in ms. */
const ackDelay = 100;

/** Acknowledges what was read of one stream of packets. One write at a time: a peer that does not read them costs nothing. */
export class PacketAcks {
  readonly #clock: Clock;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #read = 0;
  #acked = 0;
  #isWriting = false;
  #timer: ClockTimer = undefined;

  constructor(clock: Clock, writer: WritableStreamDefaultWriter<Uint8Array>) {
    this.#clock = clock;
    this.#writer = writer;
  }

  /** So many more bytes have been read. The first are acknowledged at once: the sender learns that its packets are wanted. */
  add(bytes: number): void {
    this.#read += bytes;
    if (this.#isWriting) return;
    if (this.#acked === 0 || this.#read - this.#acked >= ackEvery) this.#send();
    else this.#timer ??= this.#clock.setTimeout(() => this.#send(), ackDelay);
  }

  stop(): void {
    this.#isWriting = true;
    this.#clearTimer();
  }

  #send(): void {
    this.#clearTimer();
    this.#isWriting = true;
    this.#acked = this.#read;
    this.#writer.write(encodeAck(this.#read)).then(
      () => {
        this.#isWriting = false;
        if (this.#read > this.#acked) this.add(0);
      },
      // The stream has ended; who reads it notices.
      () => undefined,
    );
  }

  #clearTimer(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

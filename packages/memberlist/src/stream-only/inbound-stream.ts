import { MemberlistError } from "../api/errors.ts";
import type { Clock, ClockTimer } from "../ports/clock.ts";
import type { TransportStream } from "../ports/transport.ts";
import { encodeAck } from "./packet-frames.ts";

/** A stream that a peer has opened: read until deadlines, and either handed over or acknowledged. */
export class InboundStream {
  readonly #stream: TransportStream;
  readonly #clock: Clock;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #isCut = false;

  constructor(stream: TransportStream, clock: Clock) {
    this.#stream = stream;
    this.#clock = clock;
    this.#reader = stream.readable.getReader();
  }

  /**
   * The next bytes; undefined at the end.
   *
   * @param until on the clock, in ms
   * @throws MemberlistError `timeout` when nothing has come until then
   */
  read(until: number): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new MemberlistError("timeout", "the peer was too slow"));
      const timer = this.#clock.setTimeout(late, Math.max(0, until - this.#clock.now()));
      this.#next()
        .then(resolve, reject)
        .finally(() => this.#clock.clearTimeout(timer));
    });
  }

  /** From now on what is read is acknowledged, by what is returned. */
  acknowledge(): PacketAcks {
    this.#writer = this.#stream.writable.getWriter();
    return new PacketAcks(this.#clock, this.#writer);
  }

  /** The stream for the listener, with the bytes read from it so far. */
  handOver(first: Uint8Array | undefined): TransportStream {
    const { writable } = this.#stream;
    return { readable: this.#replayed(first), writable, close: () => this.#stream.close() };
  }

  close(): void {
    this.#stream.close();
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Ends it without waiting for anything. False: it had been cut before. */
  cut(): boolean {
    if (this.#isCut) return false;
    this.#isCut = true;
    // Closed alone, it would wait for the peer in transports that do.
    (this.#writer ?? this.#stream.writable).abort().catch(() => undefined);
    this.#stream.close();
    return true;
  }

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done || value === undefined) return undefined;
      if (value.length > 0) return value;
    }
  }

  #replayed(first: Uint8Array | undefined): ReadableStream<Uint8Array> {
    let next = first;
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const bytes = next ?? (await this.#reader.read()).value;
          next = undefined;
          if (bytes === undefined) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: (reason) => this.#reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }
}

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

  /** Counts bytes that have been read. The first ones are acknowledged at once, so that the sender learns that its packets are wanted. */
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

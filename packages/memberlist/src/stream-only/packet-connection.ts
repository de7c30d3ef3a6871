import { MemberlistError } from "../api/errors.ts";
import type { Clock, ClockTimer } from "../ports/clock.ts";
import type { TransportStream } from "../ports/transport.ts";
import { AckReader } from "./packet-frames.ts";

/** Bytes that may be without acknowledgement before a write waits: packets on their way cannot be dropped when they get late. */
const windowBytes = 256 * 1024;

export interface PacketConnectionOptions {
  readonly stream: TransportStream;
  readonly clock: Clock;
  /** In ms: how long an acknowledgement that makes progress may take. */
  readonly ackTimeout: number;
  /** The peer has acknowledged something for the first time. */
  readonly onReached: () => void;
  /** It has ended, by whatever cause. */
  readonly onEnd: () => void;
}

interface Waiting {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: MemberlistError) => void;
}

/**
 * A stream of packets that we have opened. The peer acknowledges what it reads; a connection without progress is cut, so that what is on its way
 * is dropped rather than delivered late.
 */
export class PacketConnection {
  readonly #options: PacketConnectionOptions;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #acks: AckReader = new AckReader();
  #waiting: Waiting[] = [];
  #unacked = 0;
  /** Modulo 2³². */
  #acked = 0;
  #failure: MemberlistError | undefined;
  #timer: ClockTimer = undefined;

  constructor(options: PacketConnectionOptions) {
    this.#options = options;
    this.#writer = options.stream.writable.getWriter();
    this.#readAcks().catch((error: unknown) => this.#end(broken("the connection failed", error)));
  }

  get isReached(): boolean {
    return this.#acks.latest !== undefined;
  }

  get isEnded(): boolean {
    return this.#failure !== undefined;
  }

  /** Resolves when the window has room. @throws MemberlistError when the connection ends */
  room(): Promise<void> {
    return this.#until(() => this.#unacked < windowBytes);
  }

  /** Resolves when everything was acknowledged. @throws MemberlistError when the connection ends before */
  drained(): Promise<void> {
    return this.#until(() => this.#unacked === 0);
  }

  /** Resolves when the network has the bytes. @throws MemberlistError when the connection ends before */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#unacked += bytes.length;
    this.#watch();
    let isWritten = false;
    this.#writer.write(bytes).then(
      () => {
        isWritten = true;
        this.#notify();
      },
      (error: unknown) => this.#end(broken("writing failed", error)),
    );
    await this.#until(() => isWritten);
  }

  /** For a connection that has nothing on its way: the peer sees an orderly end. */
  close(): void {
    this.#writer.close().catch(() => undefined);
    this.#options.stream.close();
    this.#end(broken("the connection was closed"));
  }

  /** Ends it without waiting for anything. */
  cut(failure: MemberlistError): void {
    if (this.#failure !== undefined) return;
    this.#writer.abort().catch(() => undefined);
    this.#options.stream.close();
    this.#end(failure);
  }

  async #readAcks(): Promise<void> {
    const reader = this.#options.stream.readable.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || value === undefined) break;
      const wasReached = this.isReached;
      this.#acks.push(value);
      const { latest } = this.#acks;
      if (latest === undefined) continue;
      const progress = (latest - this.#acked) >>> 0;
      if (progress > this.#unacked) return this.cut(broken("the peer has acknowledged what was not sent"));
      this.#progress(progress, latest);
      if (!wasReached) this.#options.onReached();
    }
    // The peer is gone, for both directions.
    this.cut(broken("the peer has closed the connection"));
  }

  #progress(bytes: number, latest: number): void {
    if (bytes === 0) return;
    this.#acked = latest;
    this.#unacked -= bytes;
    this.#unwatch();
    this.#watch();
    this.#notify();
  }

  #watch(): void {
    if (this.#unacked === 0 || this.#failure !== undefined) return;
    const { ackTimeout, clock } = this.#options;
    this.#timer ??= clock.setTimeout(() => {
      const { latest } = this.#acks;
      // After a blocked event loop the timer comes before the acknowledgements that wait to be read.
      clock.defer(() => {
        if (this.#acks.latest === latest) this.cut(broken(`the peer has acknowledged nothing for ${ackTimeout} ms`));
      });
    }, ackTimeout);
  }

  #unwatch(): void {
    this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #until(isDone: () => boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ isDone, resolve, reject }));
  }

  #notify(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ isDone }) => !isDone());
    for (const { isDone, resolve } of waiting) if (isDone()) resolve();
  }

  #end(error: MemberlistError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#unwatch();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#options.onEnd();
  }
}

function broken(message: string, cause?: unknown): MemberlistError {
  return new MemberlistError("stream_failed", message, { cause });
}

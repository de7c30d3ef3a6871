import { MemberlistError, type TransportStream } from "@memberlist/core";
import { errorMessage, atMost } from "@memberlist/core/internal";

export interface QuicStreamParts {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  /** What has been read already. */
  readonly rest: Uint8Array;
  /** In ms: how long what was written may take to be on its way after `close()`; then the stream counts as closed. */
  readonly linger: number;
  readonly onBytes: () => void;
  readonly onClosed: () => void;
}

/**
 * A bidirectional stream of QUIC as a stream of the core, with the core's errors. `close()` ends our side and stops the peer's; QUIC
 * delivers what was written before, as long as the connection stands. Deno has no way to reset a stream: to the peer, `writable.abort()`
 * looks like an end.
 */
export class QuicStream implements TransportStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #parts: QuicStreamParts;
  #rest: Uint8Array;
  #source: ReadableStreamDefaultController<Uint8Array> | undefined;
  #sink: WritableStreamDefaultController | undefined;
  #rejectWrite: ((error: Error) => void) | undefined;
  #isClosed = false;

  constructor(parts: QuicStreamParts) {
    this.#parts = parts;
    this.#rest = parts.rest;
    const { reader, writer } = parts;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#source = controller;
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => reader.cancel(),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#sink = controller;
        // Sooner than `abort`, which waits for a write under way. Some types leave the signal out.
        const { signal } = controller as { readonly signal?: AbortSignal };
        signal?.addEventListener("abort", () => this.#breakOff(), { once: true });
      },
      write: (chunk) => this.#guard("writing failed", this.#write(writer.write(chunk))),
      close: () => this.#guard("writing failed", writer.close()),
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source?.error(closedError());
    this.#sink?.error(closedError());
    const { reader, writer, linger, onClosed } = this.#parts;
    // Either may have ended before, one way or another. A peer that reads nothing must not keep its place.
    atMost(linger, Promise.allSettled([writer.close(), reader.cancel()])).then(onClosed, onClosed);
  }

  /** One at a time: the stream sees to that. */
  #write(written: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#rejectWrite = reject;
      written.then(resolve, reject);
    });
  }

  /** What QUIC has taken already may still arrive. */
  #breakOff(): void {
    this.#parts.writer.abort().catch(() => undefined);
    this.#rejectWrite?.(closedError());
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#rest.length > 0) {
      controller.enqueue(this.#rest);
      this.#rest = new Uint8Array(0);
      return;
    }
    try {
      const { done, value } = await this.#guard("the stream failed", this.#parts.reader.read());
      this.#parts.onBytes();
      if (this.#isClosed) return;
      if (done) controller.close();
      else controller.enqueue(value);
    } catch (error) {
      controller.error(error);
    }
  }

  async #guard<T>(what: string, promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (this.#isClosed) throw closedError(error);
      throw new MemberlistError("stream_failed", `${what}: ${errorMessage(error)}`, { cause: error });
    }
  }
}

function closedError(cause?: unknown): MemberlistError {
  return new MemberlistError("stream_closed", "the stream is closed", { cause });
}

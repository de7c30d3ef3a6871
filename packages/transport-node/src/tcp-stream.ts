import type { Socket } from "node:net";
import type { ReadableStreamDefaultController, WritableStreamDefaultController } from "node:stream/web";
import { MemberlistError, type TransportStream } from "@memberlist/core";
import { errnoOf, type InboundSlot } from "@memberlist/core/internal";

/** Bytes read ahead of the consumer before the socket is paused; the kernel's window then holds the peer back. */
const readAheadMax = 64 * 1024;
/** How long a closed stream waits, out of sight, for the peer to close too. In ms. */
const lingerMs = 1000;
/** How long a shutdown waits for bytes that the kernel has not taken yet. In ms. */
const flushMs = 250;

/**
 * A connected socket as Web Streams. Written by hand, since `Duplex.toWeb` rejects promises that nobody holds, and drops what it
 * has read when the peer resets.
 *
 * - A `write()` resolves when the kernel has the bytes. `writable.close()` sends what is left, then FIN; reading goes on.
 * - `writable.abort()` resets the connection: nothing more is sent, nothing lingers, and the peer's readable fails.
 * - What arrived before an error is delivered before the error is.
 * - `close()` never loses what a resolved `write()` took. Closing a socket with unread input makes the kernel send RST and throw
 *   away its send buffer; so our FIN goes out first, and input is read and discarded until the peer closes, for at most 1 s.
 *
 * Sockets are half-open (`allowHalfOpen`): a peer's FIN does not end our side, so a request can be answered after it. That
 * costs nothing with Go peers, which never half-close.
 */
export class TcpStream implements TransportStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the socket is gone. */
  readonly gone: Promise<void>;
  readonly #socket: Socket;
  /** Undefined for a stream that we have opened. */
  readonly #slot: InboundSlot | undefined;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #discarding = false;
  #ended = false;
  #closed = false;
  #failure: MemberlistError | undefined;
  #wake: (() => void) | undefined;
  #rejectWrite: ((error: Error) => void) | undefined;
  #sink: WritableStreamDefaultController | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, slot?: InboundSlot) {
    this.#socket = socket;
    this.#slot = slot;
    socket.setNoDelay(true);
    this.gone = new Promise((resolve) => {
      socket.once("close", () => {
        slot?.leave();
        clearTimeout(this.#timer);
        this.#fail(closedError());
        resolve();
      });
    });
    socket.on("error", (error) => {
      const details = { errno: errnoOf(error) };
      const failed = new MemberlistError("stream_failed", `the connection failed: ${error.message}`, { cause: error, details });
      this.#fail(this.#closed ? closedError(error) : failed);
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#notify();
    });
    socket.on("data", (chunk: Uint8Array) => this.#receive(chunk));

    this.readable = new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#pull(controller), cancel: () => this.#discard() },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#sink = controller;
        // Sooner than `abort`, which waits for a write under way. By RST, or the peer would take it for an end. The types of Node 20 leave
        // the signal out.
        const { signal } = controller as { readonly signal?: AbortSignal };
        signal?.addEventListener("abort", () => this.#reset(), { once: true });
      },
      write: (chunk) => this.#send((sent) => socket.write(chunk, sent)),
      close: () => this.#send((sent) => socket.end(sent)),
    });
    socket.resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink?.error(closedError());
    this.#discard();
    if (this.#socket.destroyed) return;
    this.#slot?.linger();
    this.#socket.end();
    // Both directions ended: Node destroys the socket by itself as soon as the last byte is with the kernel.
    this.#destroyAfter(lingerMs);
  }

  /** Ends it without waiting for anything. */
  destroy(): void {
    this.close();
    this.#socket.destroy();
  }

  /** Gives the socket up for good: at once, or when the kernel has taken what is being written. */
  terminate(): Promise<void> {
    this.close();
    if (this.#socket.writableLength === 0 || this.#socket.writableFinished) {
      this.#socket.destroy();
    } else {
      this.#socket.once("finish", () => this.#socket.destroy());
      this.#destroyAfter(flushMs);
    }
    return this.gone;
  }

  /** Ends it, and throws away what the kernel has not sent yet. */
  #reset(): void {
    if (this.#socket.destroyed) return;
    this.#slot?.leave();
    this.#socket.resetAndDestroy();
  }

  #destroyAfter(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.destroy(), delay);
    this.#timer.unref();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#discarding || chunk.byteLength === 0) return;
    this.#chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    this.#buffered += chunk.byteLength;
    if (this.#buffered >= readAheadMax) this.#socket.pause();
    this.#notify();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#chunks.length === 0 && !this.#ended && !this.#closed && !this.#discarding && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#buffered -= chunk.byteLength;
      if (this.#buffered < readAheadMax && this.#socket.isPaused()) this.#socket.resume();
      controller.enqueue(chunk);
    } else if (this.#closed) {
      controller.error(closedError());
    } else if (this.#discarding) {
      // Cancelled by the reader: the stream is closed already.
    } else if (this.#ended) {
      controller.close();
    } else {
      controller.error(this.#failure);
    }
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #discard(): void {
    this.#discarding = true;
    this.#chunks = [];
    this.#buffered = 0;
    this.#socket.resume();
    this.#notify();
  }

  #fail(error: MemberlistError): void {
    this.#failure ??= error;
    this.#sink?.error(this.#failure);
    this.#rejectWrite?.(this.#failure);
    this.#notify();
  }

  /**
   * One write or end at a time (the stream sees to that). Node tells a write that it cancelled because the socket was destroyed
   * the same as one that succeeded: no error. So a destroyed socket counts as failed, even if the bytes may have got out.
   */
  #send(start: (sent: (error?: Error | null) => void) => void): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise<void>((resolve, reject) => {
      this.#rejectWrite = reject;
      start((error) => {
        this.#rejectWrite = undefined;
        if (error !== undefined && error !== null) reject(this.#failure ?? this.#writeFailure(error));
        else if (this.#socket.destroyed) reject(this.#failure ?? closedError());
        else resolve();
      });
    });
  }

  #writeFailure(error: Error): MemberlistError {
    if (this.#closed) return closedError(error);
    return new MemberlistError("stream_failed", `writing failed: ${error.message}`, {
      cause: error,
      details: { errno: errnoOf(error) },
    });
  }
}

function closedError(cause?: unknown): MemberlistError {
  return new MemberlistError("stream_closed", "the stream is closed", { cause });
}

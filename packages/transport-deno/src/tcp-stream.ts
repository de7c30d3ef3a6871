import { errorMessage, MemberlistError, type TransportStream } from "@memberlist/core";
import { errnoOf, type InboundSlot } from "@memberlist/core/internal";

/** Bytes read at once; nothing is read ahead, so that the kernel's window holds the peer back. */
const readBytes = 64 * 1024;
/** How long a closed stream waits, out of sight, for the peer to close too. In ms. */
const lingerMs = 1000;
/** How long a shutdown waits for bytes that the kernel has not taken yet. In ms. */
const flushMs = 250;

/**
 * A `Deno.TcpConn` as a stream of the core, with the core's errors.
 *
 * - A `write()` resolves when the kernel has the bytes. `writable.close()` sends FIN; reading goes on.
 * - `writable.abort()` closes the socket at once. Deno has no way to send RST, so to the peer it looks like an end.
 * - `close()` never loses what a resolved `write()` took. Closing a socket with unread input makes the kernel send RST and throw
 *   away its send buffer; so our FIN goes out first, and input is read and discarded until the peer closes, for at most 1 s.
 */
export class TcpStream implements TransportStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>;
  readonly #conn: Deno.TcpConn;
  /** Undefined for a stream that we have opened. */
  readonly #slot: InboundSlot | undefined;
  readonly #resolveGone: () => void;
  #source: ReadableStreamDefaultController<Uint8Array> | undefined;
  #sink: WritableStreamDefaultController | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #writing: Promise<unknown> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #isDestroyed = false;

  constructor(conn: Deno.TcpConn, slot?: InboundSlot) {
    this.#conn = conn;
    this.#slot = slot;
    let resolveGone = (): void => undefined;
    this.gone = new Promise((resolve) => {
      resolveGone = resolve;
    });
    this.#resolveGone = resolveGone;
    conn.setNoDelay(true);
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#source = controller;
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#drop(),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#sink = controller;
        // Sooner than `abort`, which waits for a write under way. Some types leave the signal out.
        const { signal } = controller as { readonly signal?: AbortSignal };
        signal?.addEventListener("abort", () => this.#destroy(), { once: true });
      },
      write: (chunk) => this.#write(() => writeAll(conn, chunk)),
      close: () => this.#write(() => conn.closeWrite()),
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source?.error(closedError());
    this.#sink?.error(closedError());
    if (this.#isDestroyed) return;
    this.#slot?.linger();
    this.#destroyAfter(lingerMs);
    this.#linger().then(
      () => this.#destroy(),
      () => this.#destroy(),
    );
  }

  /** Ends it without waiting for anything. */
  destroy(): void {
    this.close();
    this.#destroy();
  }

  /** Gives the connection up for good: at once, or when the kernel has taken what is being written. */
  async terminate(): Promise<void> {
    this.close();
    if (!this.#isDestroyed) {
      this.#destroyAfter(flushMs);
      await this.#writing;
      this.#destroy();
    }
    await this.gone;
  }

  async #linger(): Promise<void> {
    await this.#writing;
    await this.#conn.closeWrite();
    await this.#reading;
    await this.#discard();
  }

  /** Reads on to the end, so that the peer is not held up and its FIN is seen. */
  async #discard(): Promise<void> {
    const buffer = new Uint8Array(readBytes);
    while ((await this.#conn.read(buffer)) !== null);
  }

  /** The reader has cancelled: what still comes is thrown away, and our side stays open. */
  #drop(): void {
    this.#reading = this.#reading.then(() => this.#discard()).catch(() => undefined);
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#isClosed) return controller.error(closedError());
    const buffer = new Uint8Array(readBytes);
    const reading = this.#conn.read(buffer);
    this.#reading = reading.catch(() => undefined);
    try {
      const size = await reading;
      if (this.#isClosed) controller.error(closedError());
      else if (size === null) controller.close();
      else controller.enqueue(size * 2 > readBytes ? buffer.subarray(0, size) : buffer.slice(0, size));
    } catch (error) {
      controller.error(this.#failure("the connection failed", error));
    }
  }

  /** One at a time: the stream sees to that. */
  async #write(start: () => Promise<void>): Promise<void> {
    if (this.#isDestroyed) throw closedError();
    const writing = start();
    this.#writing = writing.catch(() => undefined);
    try {
      await writing;
    } catch (error) {
      throw this.#failure("writing failed", error);
    }
  }

  #failure(what: string, error: unknown): MemberlistError {
    if (this.#isClosed || this.#isDestroyed) return closedError(error);
    const details = { errno: errnoOf(error) };
    return new MemberlistError("stream_failed", `${what}: ${errorMessage(error)}`, { cause: error, details });
  }

  #destroyAfter(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#destroy(), delay);
  }

  #destroy(): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    clearTimeout(this.#timer);
    this.#conn.close();
    this.#slot?.leave();
    this.#resolveGone();
  }
}

async function writeAll(conn: Deno.TcpConn, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength;) at += await conn.write(chunk.subarray(at));
}

function closedError(cause?: unknown): MemberlistError {
  return new MemberlistError("stream_closed", "the stream is closed", { cause });
}

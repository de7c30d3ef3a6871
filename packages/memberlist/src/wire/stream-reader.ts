import { errorMessage, MemberlistError } from "../api/errors.ts";
import { copiedInOneGo, emptyBytes } from "./bytes.ts";
import { limitExceeded, type StreamLimitName } from "./errors.ts";
import { scanObject } from "./messages/msgpack.ts";
import type { YieldToEventLoop } from "../ports/clock.ts";

export interface StreamReaderOptions {
  /** Called with the size of each arriving chunk, in bytes. An error that it throws ends the read. */
  readonly onBytes?: ((count: number) => void) | undefined;
  /** Awaited between the parts of a long copy; absent: it is done in one go. */
  readonly yieldToEventLoop?: YieldToEventLoop | undefined;
}

/**
 * Reads bytes, byte counts and msgpack objects off a stream, or off bytes in memory. Returned views stay valid.
 * Memory grows with the arrived bytes, never with an announced size. One read at a time.
 *
 * Errors: `stream_closed` when the stream ends early (`details.clean` is true when nothing of a message had come: the peer just
 * hung up), `stream_failed` when it breaks, `limit_exceeded` when an object is over its limit; DecodeError for bad msgpack.
 */
export class StreamReader {
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** The unread bytes are those from #start to #end. Bytes before #end are never written again: views point there. */
  #buffer: Uint8Array;
  #start = 0;
  #end: number;
  #messageBegun = false;
  readonly #options: StreamReaderOptions;

  constructor(source: ReadableStream<Uint8Array> | Uint8Array, options: StreamReaderOptions = {}) {
    this.#options = options;
    if (source instanceof Uint8Array) {
      this.#buffer = source;
    } else {
      this.#buffer = emptyBytes;
      this.#reader = source.getReader();
    }
    this.#end = this.#buffer.length;
  }

  async readByte(): Promise<number> {
    if (this.#available() === 0) await this.#need(1);
    return this.#take(1)[0] as number;
  }

  /** The next byte, which stays unread; undefined when the stream has ended. */
  async peekByte(): Promise<number | undefined> {
    if (this.#available() === 0 && !(await this.#fill())) return undefined;
    return this.#buffer[this.#start];
  }

  /** Exactly `count` bytes. */
  async readExactly(count: number): Promise<Uint8Array> {
    if (this.#available() < count) await this.#need(count);
    return this.#take(count);
  }

  /** The bytes of one msgpack object, which may have at most `maxBytes`, because of the limit `name`. */
  async readObject(maxBytes: number, name: StreamLimitName = "maxObjectBytes"): Promise<Uint8Array> {
    for (;;) {
      const size = this.#scan(maxBytes, name);
      if (size > 0) return this.#take(size);
      await this.#need(-size);
    }
  }

  /** As {@link readObject}, but only when the whole object has arrived already; else undefined. */
  tryObject(maxBytes: number, name: StreamLimitName = "maxObjectBytes"): Uint8Array | undefined {
    const size = this.#scan(maxBytes, name);
    return size > 0 ? this.#take(size) : undefined;
  }

  /**
   * Passes the arrived bytes, from `start` to `end`, to `look`, and consumes those that it has read.
   *
   * @param look returns where it has got to: `start` where it has read nothing
   * @returns whether it has read something
   */
  tryRead(look: (bytes: Uint8Array, start: number, end: number) => number): boolean {
    const end = look(this.#buffer, this.#start, this.#end);
    if (end <= this.#start) return false;
    this.#start = end;
    this.#messageBegun = true;
    return true;
  }

  /** Whether the stream has ended: all its remaining bytes have arrived. */
  get isWhole(): boolean {
    return this.#reader === undefined;
  }

  /** Whether anything of a message has been read. */
  get hasBegun(): boolean {
    return this.#messageBegun || this.#available() > 0;
  }

  /** The bytes read so far were not part of a message (a label): a stream that ends here ends cleanly. */
  beginMessage(): void {
    this.#messageBegun = false;
  }

  /** Releases the stream for another reader. Bytes that have already arrived are lost. */
  release(): void {
    this.#reader?.releaseLock();
    this.#reader = undefined;
  }

  /** Signals the peer that nothing more is wanted. Never rejects. */
  async cancel(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    try {
      await reader?.cancel();
    } catch {
      // The stream had failed already.
    }
  }

  #available(): number {
    return this.#end - this.#start;
  }

  #take(count: number): Uint8Array {
    const taken = this.#buffer.subarray(this.#start, this.#start + count);
    this.#start += count;
    if (count > 0) this.#messageBegun = true;
    return taken;
  }

  /** The size of the whole object that comes next, or minus the number of bytes needed to know more. */
  #scan(maxBytes: number, name: StreamLimitName): number {
    const available = this.#buffer.length === this.#end ? this.#buffer : this.#buffer.subarray(0, this.#end);
    const end = scanObject(available, this.#start);
    const size = end < 0 ? end : end - this.#start;
    if (Math.abs(size) > maxBytes) throw limitExceeded(name, "bytes of an object", Math.abs(size), maxBytes);
    return size;
  }

  async #need(count: number): Promise<void> {
    if (count - this.#available() > copiedInOneGo) {
      await this.#needLong(count);
      return;
    }
    while (this.#available() < count) {
      if (!(await this.#fill())) throw this.#ended(count, this.#available());
    }
  }

  /** As {@link #need}: the chunks are kept as they are, and are put together, in parts, when all are there. */
  async #needLong(count: number): Promise<void> {
    const chunks = [this.#buffer.subarray(this.#start, this.#end)];
    let size = this.#available();
    while (size < count) {
      const chunk = await this.#nextChunk();
      if (chunk === undefined) throw this.#ended(count, size);
      chunks.push(chunk);
      size += chunk.length;
    }
    const whole = new Uint8Array(size);
    let at = 0;
    let copied = 0;
    for (const chunk of chunks) {
      // A transport of one's own may bring megabytes in one chunk.
      for (let from = 0; from < chunk.length; from += copiedInOneGo) {
        const part = chunk.subarray(from, from + copiedInOneGo);
        if (copied + part.length > copiedInOneGo) {
          await this.#options.yieldToEventLoop?.();
          copied = 0;
        }
        whole.set(part, at);
        at += part.length;
        copied += part.length;
      }
    }
    this.#buffer = whole;
    this.#start = 0;
    this.#end = size;
  }

  #ended(needed: number, available: number): MemberlistError {
    const clean = !this.#messageBegun && available === 0;
    return new MemberlistError("stream_closed", clean ? "the peer closed the stream" : "the stream ended within a message", {
      details: { clean, needed, available },
    });
  }

  /** Waits for more bytes. False when the stream has ended. */
  async #fill(): Promise<boolean> {
    const chunk = await this.#nextChunk();
    if (chunk !== undefined) this.#append(chunk);
    return chunk !== undefined;
  }

  /** Not empty; undefined when the stream has ended. */
  async #nextChunk(): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#reader === undefined) return undefined;
      let result: Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;
      try {
        result = await this.#reader.read();
      } catch (error) {
        if (error instanceof MemberlistError) throw error;
        throw new MemberlistError("stream_failed", `reading the stream failed: ${errorMessage(error)}`, { cause: error });
      }
      if (result.done) return undefined;
      if (result.value === undefined || result.value.length === 0) continue;
      this.#options.onBytes?.(result.value.length);
      return result.value;
    }
  }

  #append(chunk: Uint8Array): void {
    const unread = this.#available();
    if (unread === 0) {
      this.#buffer = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    const size = unread + chunk.length;
    // A chunk of the stream's own has no room behind it, so only buffers made here are ever written to.
    if (this.#start + size > this.#buffer.length) {
      const larger = new Uint8Array(size * 2);
      larger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = larger;
      this.#start = 0;
      this.#end = unread;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }
}

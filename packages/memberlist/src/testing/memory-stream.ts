import { MemberlistError } from "../api/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { TransportStream } from "../ports/transport.ts";

/** Bytes that may be in transit or unread before a write waits: about the buffers of two sockets. */
const windowBytes = 256 * 1024;

/** The way from one end to the other. */
export interface MemoryLink {
  /** The clock of the network. */
  readonly clock: Clock;
  /** How long the next piece takes, in ms. */
  delay(bytes: number): number;
  /** Whether a block stops all bytes for now. */
  blocked(): boolean;
  /** Calls `resume` once, when a block ends. */
  whenHealed(resume: () => void): void;
}

/**
 * A piece in transit: bytes; "end", no more of them; "gone", the sender has closed both directions; "reset", it has given up.
 */
type Piece = Uint8Array | "end" | "gone" | "reset";

/** The result of a read: bytes, or undefined at the end. */
type Taken = Uint8Array | undefined;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

/** One direction of a stream: in order, and without loss. During a partition all pieces wait. */
class MemoryPipe {
  readonly #link: MemoryLink;
  readonly #travelling: { readonly at: number; readonly piece: Piece }[] = [];
  readonly #arrived: Uint8Array[] = [];
  readonly #writers: Waiting<void>[] = [];
  #reader: Waiting<Taken> | undefined;
  #lastAt = 0;
  #stalled = false;
  /** Written and not yet read, in bytes. */
  #unread = 0;
  /** Only "gone" or "reset" may still be sent. */
  #sentEnd = false;
  #ended = false;
  #draining = false;
  #readError: Error | undefined;
  #writeError: Error | undefined;
  /** Called at the receiving end when the sender is gone, so that the way back can be closed. */
  onGone: (error: Error) => void = () => {};

  constructor(link: MemoryLink) {
    this.#link = link;
  }

  /** Resolves when the bytes (a copy of them) are on their way and the window has room again. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#writeError !== undefined) return Promise.reject(this.#writeError);
    this.#unread += bytes.length;
    this.#send(new Uint8Array(bytes));
    if (this.#unread <= windowBytes) return Promise.resolve();
    return new Promise((resolve, reject) => this.#writers.push({ resolve, reject }));
  }

  /** Sends the end: no bytes follow. */
  end(): void {
    if (this.#sentEnd) return;
    this.#sentEnd = true;
    this.#send("end");
  }

  /**
   * Ends this direction, and reports to the receiver that this end reads no more: "gone" arrives after all written bytes, "reset" instead of the
   * bytes that have not arrived yet.
   */
  leave(how: "gone" | "reset"): void {
    this.#sentEnd = true;
    if (how === "reset") this.#travelling.length = 0;
    this.#send(how);
    this.breakWriting(new MemberlistError("stream_closed", "the stream was closed"));
  }

  /** Fails waiting writes, and every later write. */
  breakWriting(error: Error): void {
    this.#writeError ??= error;
    for (const writer of this.#writers.splice(0)) writer.reject(error);
  }

  /** The next bytes; undefined at the end. One at a time. */
  take(): Promise<Taken> {
    if (this.#readError !== undefined) return Promise.reject(this.#readError);
    const bytes = this.#arrived.shift();
    if (bytes !== undefined) {
      this.#release(bytes.length);
      return Promise.resolve(bytes);
    }
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  /** Discards all bytes that have arrived or will arrive, so that the writer need not wait for a reader that has cancelled. */
  discard(error: Error): void {
    this.#draining = true;
    this.stopReading(error);
    for (const bytes of this.#arrived.splice(0)) this.#release(bytes.length);
  }

  /** Fails this and every later read. Unread bytes still count as unread, so the writer waits. */
  stopReading(error: Error): void {
    this.#readError ??= error;
    this.#reader?.reject(this.#readError);
    this.#reader = undefined;
  }

  #send(piece: Piece): void {
    const { clock } = this.#link;
    this.#lastAt = Math.max(this.#lastAt, clock.now() + this.#link.delay(piece instanceof Uint8Array ? piece.length : 0));
    this.#travelling.push({ at: this.#lastAt, piece });
    const at = this.#lastAt;
    clock.setTimeout(() => this.#arrive(at), at - clock.now());
  }

  /** @param due pieces due by then have arrived, even if the timer fired a fraction of a ms early, as timers of runtimes do */
  #arrive(due: number): void {
    if (this.#stalled) return;
    const now = Math.max(this.#link.clock.now(), due);
    for (let next = this.#travelling[0]; next !== undefined && next.at <= now; next = this.#travelling[0]) {
      if (this.#link.blocked()) {
        this.#stall();
        return;
      }
      this.#travelling.shift();
      this.#deliver(next.piece);
    }
  }

  #stall(): void {
    this.#stalled = true;
    this.#link.whenHealed(() => {
      this.#link.clock.setTimeout(() => {
        this.#stalled = false;
        this.#arrive(0);
      }, this.#link.delay(0));
    });
  }

  #deliver(piece: Piece): void {
    if (piece instanceof Uint8Array) {
      if (this.#draining) this.#release(piece.length);
      else this.#hand(piece);
      return;
    }
    if (piece === "reset") this.stopReading(new MemberlistError("stream_closed", "the peer has aborted the stream"));
    this.#ended = true;
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
    if (piece !== "end") this.onGone(new MemberlistError("stream_closed", "the peer has closed the stream"));
  }

  #hand(bytes: Uint8Array): void {
    const reader = this.#reader;
    if (reader === undefined) {
      this.#arrived.push(bytes);
      return;
    }
    this.#reader = undefined;
    this.#release(bytes.length);
    reader.resolve(bytes);
  }

  #release(bytes: number): void {
    this.#unread -= bytes;
    if (this.#unread <= windowBytes) for (const writer of this.#writers.splice(0)) writer.resolve();
  }
}

/** One end of a stream over two pipes. */
export class MemoryStream implements TransportStream {
  /** See {@link TransportStream.readable}. */
  readonly readable: ReadableStream<Uint8Array>;
  /** See {@link TransportStream.writable}. */
  readonly writable: WritableStream<Uint8Array>;
  readonly #outgoing: MemoryPipe;
  readonly #incoming: MemoryPipe;
  #failReadable: (error: Error) => void = () => {};
  #failWritable: (error: Error) => void = () => {};
  #closed = false;
  /** Called once, when this end has been closed. */
  onClose: () => void = () => {};

  constructor(outgoing: MemoryPipe, incoming: MemoryPipe) {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    incoming.onGone = (error) => this.#breakWriting(error);
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#failReadable = (error) => controller.error(error);
        },
        pull: async (controller) => {
          const bytes = await incoming.take();
          if (bytes === undefined) controller.close();
          else controller.enqueue(bytes);
        },
        cancel: () => incoming.discard(closedError()),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#failWritable = (error) => controller.error(error);
        // Sooner than `abort`, which waits for a write under way. The types of Node 20 leave the signal out.
        const { signal } = controller as { readonly signal?: AbortSignal };
        signal?.addEventListener("abort", () => outgoing.leave("reset"), { once: true });
      },
      write: (bytes) => outgoing.write(bytes),
      close: () => outgoing.end(),
    });
  }

  /** See {@link TransportStream.close}. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = closedError();
    this.#outgoing.leave("gone");
    this.#breakWriting(error);
    this.#incoming.stopReading(error);
    this.#failReadable(error);
    this.onClose();
  }

  #breakWriting(error: Error): void {
    this.#outgoing.breakWriting(error);
    this.#failWritable(error);
  }
}

/** Two ends that are connected: what is written to one is read from the other. */
export function memoryStreamPair(there: MemoryLink, back: MemoryLink): [near: MemoryStream, far: MemoryStream] {
  const outgoing = new MemoryPipe(there);
  const incoming = new MemoryPipe(back);
  return [new MemoryStream(outgoing, incoming), new MemoryStream(incoming, outgoing)];
}

function closedError(): MemberlistError {
  return new MemberlistError("stream_closed", "the stream was closed");
}

import type { TransportStream } from "../../ports/transport.ts";

interface Patience {
  soon<T>(promise: Promise<T>, mend: string): Promise<T>;
}

const chunkBytes = 64 * 1024;

/** One end of a stream, to read and write whole amounts. Each step has the deadline of the bench. */
export class StreamEnd {
  readonly stream: TransportStream;
  readonly #bench: Patience;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(bench: Patience, stream: TransportStream) {
    this.#bench = bench;
    this.stream = stream;
    this.#reader = stream.readable.getReader();
    this.#writer = stream.writable.getWriter();
  }

  async write(bytes: Uint8Array): Promise<void> {
    const written = this.#writer.write(bytes).catch((error: unknown) => {
      throw new Error(`TransportStream.writable: a write failed: ${String(error)}`, { cause: error });
    });
    await this.#bench.soon(written, "TransportStream.writable: a write never resolved, though the peer reads");
  }

  /** A write that may wait as long as it likes. */
  writeSlowly(bytes: Uint8Array): Promise<void> {
    return this.#writer.write(bytes);
  }

  /** The next piece as it was read; undefined at the end. */
  async readPiece(): Promise<Uint8Array | undefined> {
    return (await this.#fill()) ? this.#rest : undefined;
  }

  /** Wants no more bytes of the peer. */
  async cancel(): Promise<void> {
    const cancelled = this.#reader.cancel(new Error("cancelled by the conformance suite")).catch((error: unknown) => {
      throw new Error(`TransportStream.readable: cancel() failed: ${String(error)}`, { cause: error });
    });
    await this.#bench.soon(cancelled, "TransportStream.readable: cancel() never resolved");
  }

  /** Breaks this direction off. Whether abort() itself succeeds does not matter: the streams of some runtimes do not let it. */
  async abort(): Promise<void> {
    const aborted = this.#writer.abort(new Error("aborted by the conformance suite")).catch(() => undefined);
    await this.#bench.soon(aborted, "TransportStream.writable: abort() never settled, though the stream was closed");
  }

  /** Ends this direction. */
  async finish(): Promise<void> {
    const closed = this.#writer.close().catch((error: unknown) => {
      throw new Error(`TransportStream.writable: close() failed: ${String(error)}`, { cause: error });
    });
    await this.#bench.soon(closed, "TransportStream.writable: close() never resolved");
  }

  /** `count` bytes, or fewer when the stream ends before. */
  async read(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      if (this.#rest.length === 0 && !(await this.#fill())) break;
      const part = this.#rest.subarray(0, count - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#rest = this.#rest.subarray(part.length);
    }
    return bytes.subarray(0, filled);
  }

  /** Writes the bytes of {@link patternAt} from 0 on. */
  async writePattern(total: number, salt = 0): Promise<void> {
    for (let at = 0; at < total; at += chunkBytes) {
      const chunk = new Uint8Array(Math.min(chunkBytes, total - at));
      for (let i = 0; i < chunk.length; i++) chunk[i] = patternAt(at + i, salt);
      await this.write(chunk);
    }
  }

  /** Reads to the end. How many bytes came before the first that is not that of the pattern, and whether all were right. */
  async readPattern(salt = 0): Promise<{ readonly bytes: number; readonly intact: boolean }> {
    let bytes = 0;
    for (;;) {
      for (const byte of this.#rest) {
        if (byte !== patternAt(bytes, salt)) return { bytes, intact: false };
        bytes++;
      }
      this.#rest = new Uint8Array(0);
      if (!(await this.#fill())) return { bytes, intact: true };
    }
  }

  /** Reads until the readable comes to an end of either kind: which, and how many bytes came before. */
  async ends(): Promise<{ readonly end: "done" | "failed"; readonly bytes: number }> {
    for (let bytes = this.#rest.length; ; bytes += this.#rest.length) {
      try {
        if (!(await this.#fill())) return { end: "done", bytes };
      } catch (error) {
        if (error instanceof Error && error.message === silence) throw error;
        return { end: "failed", bytes };
      }
    }
  }

  async #fill(): Promise<boolean> {
    const read = this.#reader.read().catch((error: unknown) => {
      throw new Error(`TransportStream.readable: a read failed where bytes or the end were due: ${String(error)}`, {
        cause: error,
      });
    });
    const { done, value } = await this.#bench.soon(read, silence);
    if (done || value === undefined) return false;
    this.#rest = value;
    return true;
  }
}

const silence =
  "TransportStream.readable: a read waits for ever; bytes, the end (after close of the peer's writable), or an error must come";

function patternAt(offset: number, salt: number): number {
  return (offset * 31 + (offset >>> 8) + salt) & 0xff;
}

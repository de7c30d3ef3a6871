import { MemberlistError } from "../api/errors.ts";
import type { TransportStream } from "../ports/transport.ts";
import { MemoryPipe, type MemoryLink } from "./memory-pipe.ts";

/** One end of a stream over two pipes. */
export class MemoryStream implements TransportStream {
  readonly readable: ReadableStream<Uint8Array>;
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

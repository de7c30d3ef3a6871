import type { StatusDocument } from "./document.ts";

/** The longest backlog of a slow client, in UTF-16 units. After a longer one the client gets the whole state again. */
const maxWaiting = 1_000_000;

const encoder = new TextEncoder();

/** A message of an event stream. */
export function frame(type: "status" | "event" | "update" | "end", data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The whole state, and the events in it. */
export interface WholeState {
  readonly document: StatusDocument;
  readonly events: readonly object[];
}

/**
 * An open event stream. It begins with the whole state, and continues with the pushed messages. A client that reads too slowly loses its backlog, and
 * gets the whole state again.
 */
export class EventClient {
  readonly body: ReadableStream<Uint8Array>;
  readonly #status: () => WholeState;
  readonly #onClosed: () => void;
  /** Undefined if the next message is the whole state. */
  #waiting: string[] | undefined;
  #waitingLength = 0;
  #known: WeakSet<object> = new WeakSet();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wake: (() => void) | undefined;
  #state: "open" | "ending" | "closed" = "open";

  /** @param onClosed called once: after the client has closed the stream, or has read everything after {@link end} */
  constructor(status: () => WholeState, onClosed: () => void) {
    this.#status = status;
    this.#onClosed = onClosed;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => this.#pull(),
        cancel: () => this.#closed(),
      },
      { highWaterMark: 0 },
    );
  }

  /** @param event the event in the message; the message is left out if the whole state had the event */
  push(message: string, event?: object): void {
    if (this.#waiting === undefined || this.#state !== "open" || (event !== undefined && this.#known.has(event))) return;
    this.#waitingLength += message.length;
    if (this.#waitingLength > maxWaiting) this.#waiting = undefined;
    else this.#waiting.push(message);
    this.#wake?.();
  }

  /** Sends a last message, and closes the stream after it. */
  end(message: string): void {
    this.push(message);
    if (this.#state === "open") this.#state = "ending";
    this.#wake?.();
  }

  /** Closes the stream at once. */
  close(): void {
    if (this.#state === "closed") return;
    this.#controller?.close();
    this.#closed();
  }

  async #pull(): Promise<void> {
    while (this.#state === "open" && this.#waiting?.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
    if (this.#state === "closed") return;
    try {
      const next = this.#next();
      if (next === "") this.close();
      else this.#controller?.enqueue(encoder.encode(next));
    } catch (error) {
      // The stream fails: stop counting it as open.
      this.#closed();
      throw error;
    }
  }

  #next(): string {
    if (this.#waiting === undefined) {
      const { document, events } = this.#status();
      this.#known = new WeakSet(events);
      this.#waiting = [];
      this.#waitingLength = 0;
      return frame("status", document);
    }
    const text = this.#waiting.join("");
    this.#waiting = [];
    this.#waitingLength = 0;
    return text;
  }

  #closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#waiting = [];
    this.#wake?.();
    this.#onClosed();
  }
}

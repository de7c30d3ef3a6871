import type { StatusDocument } from "./document.ts";

/** How much waits for a slow client, in UTF-16 units. Beyond it the client gets the whole state again. */
const maxWaiting = 1_000_000;

const encoder = new TextEncoder();

/** A message of an event stream. */
export function frame(type: "status" | "event" | "update" | "end", data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** The whole state, and the events that it has already. */
export interface WholeState {
  readonly document: StatusDocument;
  readonly events: readonly object[];
}

/**
 * One open event stream. It begins with the whole state, and goes on with what is pushed. A client that reads too slowly loses what waits, and
 * continues with the whole state.
 */
export class EventClient {
  readonly body: ReadableStream<Uint8Array>;
  readonly #status: () => WholeState;
  readonly #onClosed: () => void;
  /** Undefined: the next message is the whole state. */
  #waiting: string[] | undefined;
  #waitingLength = 0;
  #known: WeakSet<object> = new WeakSet();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wake: (() => void) | undefined;
  #state: "open" | "ending" | "closed" = "open";

  /** @param onClosed called once, when the client is gone or everything was sent to it after {@link end} */
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

  /** @param event the event in the message: it is left out if the whole state had it */
  push(message: string, event?: object): void {
    if (this.#waiting === undefined || this.#state !== "open" || (event !== undefined && this.#known.has(event))) return;
    this.#waitingLength += message.length;
    if (this.#waitingLength > maxWaiting) this.#waiting = undefined;
    else this.#waiting.push(message);
    this.#wake?.();
  }

  /** Closes the stream behind a last message. */
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
      // The stream breaks off, and must not count as an open one.
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

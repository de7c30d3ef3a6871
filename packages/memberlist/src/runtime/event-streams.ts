import { Fifo } from "../util/fifo.ts";
import type { EventStreamOptions } from "../api/call-options.ts";
import type { EventStream, MemberEvent } from "../api/events.ts";
import { onAbort } from "../util/on-abort.ts";

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Gives every event to every open stream. */
export class EventHub {
  readonly #streams: Set<BufferedEventStream> = new Set();
  readonly #followers: ((event: MemberEvent) => void)[] = [];
  readonly #onDropped: () => void;
  #isEnded = false;

  /** @param onDropped a stream has lost an event, because its reader is too slow */
  constructor(onDropped: () => void) {
    this.#onDropped = onDropped;
  }

  open(capacity: number, options: EventStreamOptions): EventStream {
    const { signal, capacity: wanted = capacity } = options;
    const stream = new BufferedEventStream(wanted, {
      dropped: this.#onDropped,
      ended: () => {
        this.#streams.delete(stream);
        stopListening?.();
      },
    });
    this.#streams.add(stream);
    const stopListening = signal && onAbort(signal, () => stream.end());
    if (this.#isEnded || signal?.aborted === true) stream.end();
    return stream;
  }

  /** Calls `listener` for every event, before the streams get it. */
  follow(listener: (event: MemberEvent) => void): void {
    this.#followers.push(listener);
  }

  push(event: MemberEvent): void {
    for (const listener of this.#followers) listener(event);
    for (const stream of this.#streams) stream.push(event);
  }

  end(): void {
    this.#isEnded = true;
    for (const stream of this.#streams) stream.end();
  }
}

interface StreamCallbacks {
  readonly dropped: () => void;
  readonly ended: () => void;
}

/** One reader's events: a bounded buffer that forgets the oldest. */
class BufferedEventStream implements EventStream {
  readonly #capacity: number;
  readonly #on: StreamCallbacks;
  readonly #buffer: Fifo<MemberEvent> = new Fifo();
  readonly #readers: Fifo<(result: IteratorResult<MemberEvent, undefined>) => void> = new Fifo();
  #isEnded = false;
  #dropped = 0;

  constructor(capacity: number, on: StreamCallbacks) {
    this.#capacity = capacity;
    this.#on = on;
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(event: MemberEvent): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: event });
      return;
    }
    if (this.#buffer.size >= this.#capacity) {
      this.#buffer.shift();
      this.#dropped++;
      this.#on.dropped();
    }
    this.#buffer.push(event);
  }

  /** The events in the buffer can still be read. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) reader(end);
    this.#on.ended();
  }

  next(): Promise<IteratorResult<MemberEvent, undefined>> {
    const event = this.#buffer.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#isEnded) return Promise.resolve(end);
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<MemberEvent, undefined>> {
    this.#buffer.clear();
    this.end();
    return Promise.resolve(end);
  }

  [Symbol.asyncIterator](): EventStream {
    return this;
  }
}

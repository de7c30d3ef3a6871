import type { EventStream, EventStreamOptions, MemberEvent } from "../events.ts";

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** Gives every event to every open stream. */
export class EventHub {
  readonly #streams: Set<BufferedEventStream> = new Set();
  #isEnded = false;

  open(capacity: number, options: EventStreamOptions): EventStream {
    const stream = new BufferedEventStream(options.capacity ?? capacity, () => this.#streams.delete(stream));
    if (this.#isEnded || options.signal?.aborted === true) stream.end();
    else this.#streams.add(stream);
    options.signal?.addEventListener("abort", () => stream.end(), { once: true });
    return stream;
  }

  push(event: MemberEvent): void {
    for (const stream of this.#streams) stream.push(event);
  }

  end(): void {
    this.#isEnded = true;
    for (const stream of this.#streams) stream.end();
  }
}

/** One reader's events: a bounded buffer that forgets the oldest. */
class BufferedEventStream implements EventStream {
  readonly #capacity: number;
  readonly #onEnd: () => void;
  readonly #buffer: MemberEvent[] = [];
  readonly #readers: ((result: IteratorResult<MemberEvent, undefined>) => void)[] = [];
  #isEnded = false;
  #dropped = 0;

  constructor(capacity: number, onEnd: () => void) {
    this.#capacity = capacity;
    this.#onEnd = onEnd;
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
    if (this.#buffer.length >= this.#capacity) {
      this.#buffer.shift();
      this.#dropped++;
    }
    this.#buffer.push(event);
  }

  /** What waits in the buffer can still be read. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const reader of this.#readers.splice(0)) reader(end);
    this.#onEnd();
  }

  next(): Promise<IteratorResult<MemberEvent, undefined>> {
    const event = this.#buffer.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#isEnded) return Promise.resolve(end);
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<MemberEvent, undefined>> {
    this.#buffer.length = 0;
    this.end();
    return Promise.resolve(end);
  }

  [Symbol.asyncIterator](): EventStream {
    return this;
  }
}

import { Fifo } from "./fifo.ts";

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

interface StreamCallbacks {
  /** Called for each item that the full buffer drops. */
  readonly dropped?: () => void;
  /** Called once, at the end. */
  readonly ended?: () => void;
}

/** The items of one reader: a bounded buffer that drops the oldest. */
export class BufferedStream<T> implements AsyncIterableIterator<T, undefined> {
  readonly #capacity: number;
  readonly #on: StreamCallbacks;
  readonly #buffer: Fifo<T> = new Fifo();
  readonly #readers: Fifo<(result: IteratorResult<T, undefined>) => void> = new Fifo();
  #isEnded = false;
  #dropped = 0;

  constructor(capacity: number, on: StreamCallbacks = {}) {
    this.#capacity = capacity;
    this.#on = on;
  }

  get dropped(): number {
    return this.#dropped;
  }

  push(item: T): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: item });
      return;
    }
    if (this.#buffer.size >= this.#capacity) {
      this.#buffer.shift();
      this.#dropped++;
      this.#on.dropped?.();
    }
    this.#buffer.push(item);
  }

  /** The items in the buffer can still be read. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) reader(end);
    this.#on.ended?.();
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#buffer.size > 0) return Promise.resolve({ done: false, value: this.#buffer.shift() as T });
    if (this.#isEnded) return Promise.resolve(end);
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#buffer.clear();
    this.end();
    return Promise.resolve(end);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

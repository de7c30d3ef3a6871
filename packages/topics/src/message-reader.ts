/** A message of a topic. */
export interface TopicMessage {
  /** The topic. */
  readonly topic: string;
  /** The payload. Do not change it: all subscribers of this process share it. */
  readonly payload: Uint8Array;
  /** The name of the member that published it. */
  readonly sender: string;
  /** When it was published, in ms since the Unix epoch, by the clock of this member. */
  readonly publishedAt: number;
  /** The subscriber gets the topic's last value, not a message that was published just now. */
  readonly isRetained: boolean;
  /** The payload as JSON. @throws SyntaxError if it is not JSON */
  json(): unknown;
}

const end: IteratorReturnResult<undefined> = { done: true, value: undefined };

type Result = IteratorResult<TopicMessage, undefined>;

/** The messages of a topic as an async iterator: a bounded buffer that forgets the oldest. */
export class MessageReader implements AsyncIterableIterator<TopicMessage, undefined> {
  /** Called once, when it ends. */
  onEnd: () => void = () => {};
  readonly #capacity: number;
  readonly #onDropped: () => void;
  #waiting: TopicMessage[] = [];
  readonly #readers: ((result: Result) => void)[] = [];
  #isEnded = false;

  constructor(capacity: number, onDropped: () => void) {
    this.#capacity = capacity;
    this.#onDropped = onDropped;
  }

  push(message: TopicMessage): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader({ done: false, value: message });
      return;
    }
    if (this.#waiting.length >= this.#capacity) {
      this.#waiting.shift();
      this.#onDropped();
    }
    this.#waiting.push(message);
  }

  /** The messages in the buffer can still be read. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const reader of this.#readers.splice(0)) reader(end);
    this.onEnd();
  }

  next(): Promise<Result> {
    const message = this.#waiting.shift();
    if (message !== undefined) return Promise.resolve({ done: false, value: message });
    if (this.#isEnded) return Promise.resolve(end);
    return new Promise((resolve) => this.#readers.push(resolve));
  }

  return(): Promise<Result> {
    this.#waiting = [];
    this.end();
    return Promise.resolve(end);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

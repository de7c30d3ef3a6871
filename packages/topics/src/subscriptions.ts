import { BufferedStream, Fifo, onAbort } from "@memberlist/core/internal";
import type { StoredMessage } from "./message-log.ts";
import type { TopicsCounters } from "./counters.ts";
import type { TopicMessage } from "./topic-message.ts";

/** Called for each message. If it returns a promise, the next message does not wait for it. */
export type TopicHandler = (message: TopicMessage) => unknown;

/** A subscription with a handler. */
export interface Subscription {
  /** Ends it. */
  unsubscribe(): void;
}

/** Options of a subscription that is an async iterator. */
export interface MessagesOptions {
  /** How many messages wait for a slow reader, 1 or more. Then the oldest is dropped, and counted as `dropped`. Default 1,024. */
  readonly capacity?: number;
  /** Ends the iterator. */
  readonly signal?: AbortSignal;
}

/** Calls the handlers of topics. */
export class Subscriptions {
  readonly #handlers: Map<string, Set<TopicHandler>> = new Map();
  readonly #readers: Set<BufferedStream<TopicMessage>> = new Set();
  /** Messages that handlers publish wait here, so that all handlers get all messages in one order. */
  readonly #deliveries: Fifo<() => void> = new Fifo();
  #isDelivering = false;
  readonly #counters: TopicsCounters;
  readonly #wallTime: (at: number) => number;

  /** @param wallTime the wall time of a time of the member's clock */
  constructor(counters: TopicsCounters, wallTime: (at: number) => number) {
    this.#counters = counters;
    this.#wallTime = wallTime;
  }

  /** @param last the retained value of the topic */
  subscribe(topic: string, handler: TopicHandler, last: StoredMessage | undefined): Subscription {
    // A function of its own, because one handler may have two subscriptions.
    const own: TopicHandler = (message) => handler(message);
    let handlers = this.#handlers.get(topic);
    if (handlers === undefined) this.#handlers.set(topic, (handlers = new Set()));
    handlers.add(own);
    if (last !== undefined) this.#call(own, this.#messageOf(last, true));
    return {
      unsubscribe: () => {
        handlers.delete(own);
        if (handlers.size === 0 && this.#handlers.get(topic) === handlers) this.#handlers.delete(topic);
      },
    };
  }

  /** See {@link Topics.messages}. */
  messages(
    topic: string,
    last: StoredMessage | undefined,
    { capacity = 1_024, signal }: MessagesOptions,
  ): BufferedStream<TopicMessage> {
    const reader = new BufferedStream<TopicMessage>(capacity, {
      dropped: () => void this.#counters.dropped++,
      ended: () => {
        subscription.unsubscribe();
        this.#readers.delete(reader);
        stopListening?.();
      },
    });
    this.#readers.add(reader);
    const subscription = this.subscribe(topic, (message) => reader.push(message), last);
    const stopListening = signal && onAbort(signal, () => reader.end());
    if (signal?.aborted === true) reader.end();
    return reader;
  }

  deliver(message: StoredMessage, isRetained: boolean): void {
    const handlers = this.#handlers.get(message.topic);
    if (handlers === undefined) return;
    const shown = this.#messageOf(message, isRetained);
    // A handler that is added meanwhile gets later messages only.
    const receivers = [...handlers];
    this.#deliveries.push(() => {
      for (const handler of receivers) if (handlers.has(handler)) this.#call(handler, shown);
    });
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    for (let next = this.#deliveries.shift(); next !== undefined; next = this.#deliveries.shift()) next();
    this.#isDelivering = false;
  }

  end(): void {
    for (const reader of this.#readers) reader.end();
    for (const handlers of this.#handlers.values()) handlers.clear();
    this.#handlers.clear();
  }

  #call(handler: TopicHandler, message: TopicMessage): void {
    const failed = (): void => void this.#counters.handlerFailed++;
    try {
      const result = handler(message);
      if (result instanceof Promise) result.catch(failed);
    } catch {
      failed();
    }
  }

  #messageOf({ payload, publishedAt, sender, topic }: StoredMessage, isRetained: boolean): TopicMessage {
    return {
      topic,
      payload,
      sender,
      publishedAt: Math.round(this.#wallTime(publishedAt)),
      isRetained,
      json: () => JSON.parse(new TextDecoder().decode(payload)) as unknown,
    };
  }
}

import type { EventStreamOptions } from "../api/call-options.ts";
import type { EventStream, MemberEvent } from "../api/events.ts";
import { BufferedStream } from "../util/buffered-stream.ts";
import { onAbort } from "../util/on-abort.ts";

/** Gives every event to every open stream. */
export class EventHub {
  readonly #streams: Set<BufferedStream<MemberEvent>> = new Set();
  readonly #followers: ((event: MemberEvent) => void)[] = [];
  readonly #onDropped: () => void;
  #isEnded = false;

  /** @param onDropped a stream has lost an event, because its reader is too slow */
  constructor(onDropped: () => void) {
    this.#onDropped = onDropped;
  }

  open(capacity: number, options: EventStreamOptions): EventStream {
    const { signal, capacity: wanted = capacity } = options;
    const stream = new BufferedStream<MemberEvent>(wanted, {
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

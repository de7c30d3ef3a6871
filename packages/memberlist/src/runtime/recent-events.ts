import { Fifo } from "../util/fifo.ts";
import type { LogEvent, MemberEvent, RecentEvent } from "../api/events.ts";

/** How many changes of the membership, and how many log lines, are remembered. */
const capacity = 256;
/** How many refusals (wrong labels, taken names) are remembered. Senders need not be members, so these are kept apart. */
const refusedCapacity = 32;

interface Entry {
  readonly order: number;
  readonly event: RecentEvent;
}

/**
 * The last changes of the membership, the last refusals, and the last log lines. Each kind has a buffer of its own: a flood of one does
 * not push out the others.
 */
export class RecentEvents {
  readonly #changes: Fifo<Entry> = new Fifo();
  readonly #refused: Fifo<Entry> = new Fifo();
  readonly #lines: Fifo<Entry> = new Fifo();
  #count = 0;

  add(event: MemberEvent): void {
    if (event.type === "label_mismatch" || event.type === "conflict") this.#add(this.#refused, event, refusedCapacity);
    else this.#add(this.#changes, event, capacity);
  }

  addLine(event: LogEvent): void {
    this.#add(this.#lines, event, capacity);
  }

  /** The oldest first. */
  list(): RecentEvent[] {
    return [...this.#changes, ...this.#refused, ...this.#lines].toSorted((a, b) => a.order - b.order).map(({ event }) => event);
  }

  #add(entries: Fifo<Entry>, event: RecentEvent, most: number): void {
    if (entries.size >= most) entries.shift();
    entries.push({ order: this.#count++, event });
  }
}

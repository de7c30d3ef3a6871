import type { LogEvent, MemberEvent, RecentEvent } from "../events.ts";

/** How many of each kind are remembered. */
const capacity = 256;

interface Entry {
  readonly order: number;
  readonly event: RecentEvent;
}

/** The last changes of the membership and the last log lines. They are kept apart: a flood of the one does not push out the other. */
export class RecentEvents {
  readonly #changes: Entry[] = [];
  readonly #lines: Entry[] = [];
  #count = 0;

  addChange(event: MemberEvent): void {
    this.#add(this.#changes, event);
  }

  addLine(event: LogEvent): void {
    this.#add(this.#lines, event);
  }

  /** The oldest first. */
  list(): RecentEvent[] {
    return [...this.#changes, ...this.#lines].toSorted((a, b) => a.order - b.order).map(({ event }) => event);
  }

  #add(entries: Entry[], event: RecentEvent): void {
    entries.push({ order: this.#count++, event });
    if (entries.length > capacity) entries.shift();
  }
}

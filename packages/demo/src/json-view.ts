import type { DemoEvent } from "./demo-event.ts";

/** One event a line, as it is. Times are rounded to the microsecond. */
export class JsonView {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  show(event: DemoEvent): void {
    const rounded = (_key: string, value: unknown): unknown =>
      typeof value === "number" ? Math.round(value * 1_000) / 1_000 : value;
    this.#write(`${JSON.stringify(event, rounded)}\n`);
  }

  close(): void {
    // Each event is written at once.
  }
}

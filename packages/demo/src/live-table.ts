import { Board } from "./board.ts";
import type { DemoEvent, StepEvent } from "./demo-event.ts";
import { beginLines, keepLines, reasonLines, sightingLines, summaryLine, tick } from "./phrases.ts";
import { tableLines } from "./table.ts";
import { cut, fold, formatDuration, LiveRegion, pad, padStart, type Paint, type Terminal } from "@memberlist/cli/internal";

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/** How often the spinner turns, in ms. */
const frameInterval = 100;
/** Titles of steps take so many columns, so that their times stand below each other. */
const titleColumns = 64;

/** A terminal's view: what is done scrolls up above a table that is drawn anew as it changes. */
export class LiveTable {
  readonly #terminal: Terminal;
  readonly #paint: Paint;
  readonly #board = new Board();
  readonly #live: LiveRegion;
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;
  #step: StepEvent | undefined;
  #isLeft = false;

  constructor(terminal: Terminal, paint: Paint) {
    this.#terminal = terminal;
    this.#live = new LiveRegion(terminal);
    this.#paint = paint;
  }

  show(event: DemoEvent): void {
    this.#board.apply(event);
    switch (event.event) {
      case "begin":
        this.#open();
        this.#print(beginLines(event, this.#paint, this.#terminal.columns));
        break;
      case "step":
        this.#step = event.status === "started" ? event : undefined;
        if (event.status === "started") this.#draw();
        else this.#print(this.#stepLines(event));
        break;
      case "note":
        this.#print(fold([this.#paint("yellow", "!"), ...event.text.split(" ")], this.#terminal.columns, "  ", " "));
        break;
      case "summary":
        this.#step = undefined;
        if (!event.keeps) this.#leaveTable();
        this.#print([summaryLine(event, this.#paint)]);
        break;
      case "keep":
        this.#print(["", ...keepLines(event, this.#paint, this.#terminal.columns)]);
        break;
      default:
        break; // The table shows it, from its next frame on.
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#live.erase();
    this.#live.close();
  }

  #open(): void {
    this.#live.open();
    this.#timer = setInterval(() => {
      this.#frame = (this.#frame + 1) % frames.length;
      this.#draw();
    }, frameInterval);
    this.#timer.unref();
  }

  #stepLines({ title, status, durationMs = 0, seen = [], reason = "" }: StepEvent): readonly string[] {
    const columns = this.#terminal.columns;
    return [
      this.#titleLine(tick(status, this.#paint), title, durationMs),
      ...seen.flatMap((sighting) => sightingLines(sighting, this.#paint, columns)),
      ...(status === "failed" ? reasonLines(reason, this.#paint) : []),
    ];
  }

  #titleLine(mark: string, title: string, ms: number): string {
    // The time is never cut away.
    const columns = Math.min(titleColumns, this.#terminal.columns - 12);
    return `${mark} ${pad(cut(title, columns), columns)}${padStart(formatDuration(ms), 9)}`;
  }

  /** What is drawn below all that has scrolled up. */
  #region(): readonly string[] {
    const { columns } = this.#terminal;
    const lines = ["", ...tableLines(this.#board, columns, this.#paint)];
    if (this.#step !== undefined) {
      const spinner = this.#paint("cyan", frames[this.#frame] ?? "");
      const ms = performance.timeOrigin + performance.now() - this.#step.at;
      lines.unshift(this.#titleLine(spinner, this.#step.title, Math.max(0, ms)));
    }
    return lines;
  }

  #draw(): void {
    if (!this.#isLeft) this.#live.draw(this.#region());
  }

  /** Prints lines that stay, above the table. */
  #print(lines: readonly string[]): void {
    this.#live.print(lines);
    this.#draw();
  }

  /** Leaves the table where it is, as it is now: what comes is the end of the processes. */
  #leaveTable(): void {
    this.#isLeft = true;
    this.#live.print(["", ...tableLines(this.#board, this.#terminal.columns, this.#paint), ""]);
  }
}

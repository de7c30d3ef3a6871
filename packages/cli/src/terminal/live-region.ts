import { cut, width } from "./text.ts";

/** The parts of a terminal that a live region uses. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): unknown;
}

const csi = "\u001B[";
const hideCursor = `${csi}?25l`;
const showCursor = `${csi}?25h`;
const eraseLine = `${csi}K`;
const eraseBelow = `${csi}J`;

/** Lines at the bottom of a terminal that are redrawn when they change. Printed lines scroll up above them. */
export class LiveRegion {
  readonly #terminal: Terminal;
  readonly #restore = (): void => void this.#terminal.write(showCursor);
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Hides the cursor until `close`, or until the process exits. */
  open(): void {
    process.once("exit", this.#restore);
    this.#terminal.write(hideCursor);
  }

  /** Replaces the drawn lines. It draws as many lines as fit into the terminal. */
  draw(content: readonly string[]): void {
    const { columns, rows } = this.#terminal;
    // Lines above the top of the terminal cannot be erased again.
    const lines = content.slice(0, Math.max(1, rows - 1)).map((line) => cut(line, columns));
    if (lines.length === this.#drawn.length && lines.every((line, index) => line === this.#drawn[index])) return;
    this.#terminal.write(this.#upwards() + lines.map((line) => `${line}${eraseLine}\n`).join("") + eraseBelow);
    this.#drawn = lines;
  }

  /** Erases the region, and prints lines that stay. */
  print(lines: readonly string[]): void {
    const { columns } = this.#terminal;
    this.erase();
    this.#terminal.write(lines.map((line) => `${cut(line, columns)}\n`).join(""));
  }

  erase(): void {
    this.#terminal.write(this.#upwards() + eraseBelow);
    this.#drawn = [];
  }

  /** Shows the cursor again. The drawn lines stay. */
  close(): void {
    this.#drawn = [];
    process.off("exit", this.#restore);
    this.#restore();
  }

  /** Returns the codes that move the cursor to the first drawn line. A terminal that became narrower has wrapped the lines. */
  #upwards(): string {
    const columns = Math.max(1, this.#terminal.columns);
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0);
    // The terminal may have printed "^C" at the cursor.
    return rows === 0 ? "\r" : `\r${csi}${rows}A`;
  }
}

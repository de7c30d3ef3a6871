import { cut, width } from "./text.ts";

/** What of a terminal is used. */
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

/** Lines at the bottom of a terminal that are drawn anew as they change; what is printed scrolls up above them. */
export class LiveRegion {
  readonly #terminal: Terminal;
  readonly #restore = (): void => void this.#terminal.write(showCursor);
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Hides the cursor; however the process ends, it is shown again. */
  open(): void {
    process.once("exit", this.#restore);
    this.#terminal.write(hideCursor);
  }

  /** Shows these lines in place of the last ones, as many as the terminal has rows for. */
  draw(content: readonly string[]): void {
    const { columns, rows } = this.#terminal;
    // What is above the terminal's first line could not be erased again.
    const lines = content.slice(0, Math.max(1, rows - 1)).map((line) => cut(line, columns));
    if (lines.length === this.#drawn.length && lines.every((line, index) => line === this.#drawn[index])) return;
    this.#terminal.write(this.#upwards() + lines.map((line) => `${line}${eraseLine}\n`).join("") + eraseBelow);
    this.#drawn = lines;
  }

  /** Prints lines that stay, in place of the region. */
  print(lines: readonly string[]): void {
    const { columns } = this.#terminal;
    this.erase();
    this.#terminal.write(lines.map((line) => `${cut(line, columns)}\n`).join(""));
  }

  erase(): void {
    this.#terminal.write(this.#upwards() + eraseBelow);
    this.#drawn = [];
  }

  /** Leaves what is drawn where it is. */
  close(): void {
    this.#drawn = [];
    process.off("exit", this.#restore);
    this.#restore();
  }

  /** To the first line drawn. A terminal that was made narrower since has wrapped them. */
  #upwards(): string {
    const columns = Math.max(1, this.#terminal.columns);
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(width(line) / columns)), 0);
    // A "^C" may stand at the cursor.
    return rows === 0 ? "\r" : `\r${csi}${rows}A`;
  }
}

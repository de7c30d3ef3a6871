import type { Terminal } from "@memberlist/cli/internal";

/** A terminal that understands what the live table uses of one, and nothing else. */
export class Screen implements Terminal {
  columns: number;
  rows: number;
  cursorShown = true;
  /** Lines that were longer than the terminal is wide. */
  readonly tooLong: string[] = [];
  readonly #lines: string[] = [""];
  #line = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  /** What is to be seen, and what has scrolled up. */
  get text(): string {
    return this.#lines.map((line) => line.trimEnd()).join("\n");
  }

  write(text: string): boolean {
    for (const [part, , count, letter] of text.matchAll(sequence)) {
      if (letter !== undefined) this.#control(count ?? "", letter);
      else this.#print(part);
    }
    return true;
  }

  #control(count: string, letter: string): void {
    if (letter === "m") return;
    if (letter === "A") this.#up(Number(count));
    else if (letter === "K") this.#set(this.#current().slice(0, this.#column));
    else if (letter === "J") {
      this.#set(this.#current().slice(0, this.#column));
      this.#lines.length = this.#line + 1;
    } else if (count === "?25") this.cursorShown = letter === "h";
    else throw new Error(`unknown control sequence: ${count}${letter}`);
  }

  #up(count: number): void {
    // What has scrolled away cannot be reached.
    const top = Math.max(0, this.#lines.length - this.rows);
    if (this.#line - count < top) throw new Error("above the terminal's first line");
    this.#line -= count;
  }

  #print(character: string): void {
    if (character === "\n") {
      this.#line++;
      this.#column = 0;
      this.#lines[this.#line] ??= "";
    } else if (character === "\r") this.#column = 0;
    else {
      const line = this.#current();
      this.#set(line.slice(0, this.#column).padEnd(this.#column) + character + line.slice(this.#column + 1));
      this.#column++;
      if (this.#column > this.columns) this.tooLong.push(this.#current());
    }
  }

  #current(): string {
    return this.#lines[this.#line] ?? "";
  }

  #set(line: string): void {
    this.#lines[this.#line] = line;
  }
}

const sequence = new RegExp(`(${String.fromCharCode(27)}\\[)([?0-9;]*)([A-Za-z])|[^]`, "gu");

import process from "node:process";
import { escapeControls } from "@memberlist/core/internal";
import { exitCodes } from "../exit-codes.ts";
import { cut, painter, type Paint } from "./text.ts";

/** Without a terminal, lines are not cut. */
const unlimited = Number.MAX_SAFE_INTEGER;

/** Standard output and standard error, with colours and widths where they are a terminal. Create it once for a process. */
export class Io {
  readonly paint: Paint;
  readonly isTerminal: boolean;
  /** Aborted when nobody reads standard output any more, such as behind `| head`: what is written then is dropped. */
  readonly closed: AbortSignal;
  readonly #paintError: Paint;

  constructor() {
    const closed = new AbortController();
    this.closed = closed.signal;
    process.stdout.on("error", (error: Error & { readonly code?: string }) => {
      if (!closed.signal.aborted && error.code !== "EPIPE") {
        this.error(`standard output: ${error.message}`);
        // Whatever the command returns.
        process.once("exit", () => (process.exitCode = exitCodes.failed));
      }
      closed.abort();
    });
    // Notes and log lines that nobody reads end no command.
    process.stderr.on("error", () => undefined);
    this.isTerminal = isTerminal(process.stdout);
    this.paint = painter(hasColours(process.stdout));
    this.#paintError = painter(hasColours(process.stderr));
  }

  /** Questions can be shown and answered. */
  get canAsk(): boolean {
    return this.isTerminal && isTerminal(process.stdin);
  }

  /** Of the terminal; very many where there is none. */
  get columns(): number {
    return this.isTerminal ? process.stdout.columns || 80 : unlimited;
  }

  get rows(): number {
    return process.stdout.rows || 24;
  }

  write(text: string): void {
    if (!this.closed.aborted) process.stdout.write(text);
  }

  line(text: string = ""): void {
    this.write(`${cut(text, this.columns)}\n`);
  }

  /** One JSON value a line, so that other programs read them as they come. */
  json(value: unknown): void {
    this.write(`${JSON.stringify(value)}\n`);
  }

  /** A note for people, on standard error. */
  note(text: string): void {
    process.stderr.write(`${this.#paintError("dim", text)}\n`);
  }

  error(text: string): void {
    process.stderr.write(`${this.#paintError("red", "memberlist:")} ${text.split("\n").map(escapeControls).join("\n")}\n`);
  }
}

/** The types say that the field is always there; for a pipe or a file it is not. */
function isTerminal(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true;
}

/** https://no-color.org */
function hasColours(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, TERM } = process.env;
  return isTerminal(stream) && (NO_COLOR === undefined || NO_COLOR === "") && TERM !== "dumb";
}

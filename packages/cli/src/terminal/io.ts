import process from "node:process";
import { escapeControls } from "@memberlist/core/internal";
import { exitCodes } from "../exit-codes.ts";
import { cut, painter, type Paint } from "./text.ts";

/** The width without a terminal: lines are not cut. */
const unlimited = Number.MAX_SAFE_INTEGER;

/** Writes to standard output and standard error, with colours and line widths on a terminal. Create one for each process. */
export class Io {
  readonly paint: Paint;
  readonly isTerminal: boolean;
  /** Aborted when the reader of standard output closes it, as `| head` does. Later output is dropped. */
  readonly closed: AbortSignal;
  readonly #paintError: Paint;

  constructor() {
    const closed = new AbortController();
    this.closed = closed.signal;
    process.stdout.on("error", (error: Error & { readonly code?: string }) => {
      if (!closed.signal.aborted && error.code !== "EPIPE") {
        this.error(`standard output: ${error.message}`);
        // This replaces the exit code of the command.
        process.once("exit", () => (process.exitCode = exitCodes.failed));
      }
      closed.abort();
    });
    // A closed standard error does not end the command.
    process.stderr.on("error", () => undefined);
    this.isTerminal = isTerminal(process.stdout);
    this.paint = painter(hasColours(process.stdout));
    this.#paintError = painter(hasColours(process.stderr));
  }

  /** Whether a terminal can show questions and read answers. */
  get canAsk(): boolean {
    return this.isTerminal && isTerminal(process.stdin);
  }

  /** The columns of the terminal; unlimited without a terminal. */
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

  /** Writes one JSON value per line, so that other programs can read each value at once. */
  json(value: unknown): void {
    this.write(`${JSON.stringify(value)}\n`);
  }

  /** Writes a note for people to standard error. */
  note(text: string): void {
    process.stderr.write(`${this.#paintError("dim", text)}\n`);
  }

  error(text: string): void {
    process.stderr.write(`${this.#paintError("red", "memberlist:")} ${text.split("\n").map(escapeControls).join("\n")}\n`);
  }
}

/** Pipes and files lack `isTTY`, although the types of Node require it. */
function isTerminal(stream: { readonly isTTY?: boolean }): boolean {
  return stream.isTTY === true;
}

/** https://no-color.org */
function hasColours(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, TERM } = process.env;
  return isTerminal(stream) && (NO_COLOR === undefined || NO_COLOR === "") && TERM !== "dumb";
}

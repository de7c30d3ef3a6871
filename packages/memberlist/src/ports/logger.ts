import type { Clock } from "./clock.ts";

/**
 * A structured logger: fields first, then the message. `console` and a pino logger fit as they are.
 * `fields.code` is a stable, greppable name of what happened.
 */
export interface Logger {
  /** Logs a line for developers. */
  debug(fields: LogFields, message: string): void;
  /** Logs a line about normal operation. */
  info(fields: LogFields, message: string): void;
  /** Logs a line that an operator should look at. */
  warn(fields: LogFields, message: string): void;
  /** Logs a failure. */
  error(fields: LogFields, message: string): void;
}

/** How serious a log line is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The facts of a log line. */
export interface LogFields {
  /** The stable code of the line. */
  readonly code: string;
  /** Further fields, which depend on the code. */
  readonly [field: string]: unknown;
}

/** Where text lines go when `config.logOutput` is given; `process.stderr` and any Node writable fit. */
export interface LogOutput {
  /** Writes one line, with a newline at its end. */
  write(line: string): unknown;
}

/** All levels, least serious first. */
export const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/**
 * Text lines to `output`, one a call, in the Go library's look:
 * `2026-11-23T06:54:22.123Z [WARN] memberlist: message code=… key=value`. Nothing that a peer sends can break a line in two.
 *
 * @param level the least serious level that is written; default "debug"
 */
export function textLogger(output: LogOutput, clock: Clock, level: LogLevel = "debug"): Logger {
  return levelled(level, (at, fields, message) =>
    output.write(`${new Date(clock.wallTime()).toISOString()} ${formatLine(at, fields, message)}\n`),
  );
}

/**
 * Text lines to the runtime's console (in Node, Deno and Bun: warnings and errors to standard error).
 *
 * @param level the least serious level that is written; default "warn"
 */
export function consoleLogger(level: LogLevel = "warn"): Logger {
  return levelled(level, (at, fields, message) => {
    const { console } = globalThis as unknown as { readonly console?: Readonly<Record<LogLevel, (line: string) => void>> };
    console?.[at](formatLine(at, fields, message));
  });
}

/** Returns the result of the writer. It may be a promise, whose rejection the caller must handle. */
type WriteLine = (level: LogLevel, fields: LogFields, message: string) => unknown;

function levelled(lowest: LogLevel, write: WriteLine): Logger {
  const method = (level: LogLevel): ((fields: LogFields, message: string) => void) => {
    const enabled = logLevels.indexOf(level) >= logLevels.indexOf(lowest);
    return (fields, message) => (enabled ? write(level, fields, message) : undefined);
  };
  return { debug: method("debug"), info: method("info"), warn: method("warn"), error: method("error") };
}

function formatLine(level: LogLevel, fields: LogFields, message: string): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== undefined);
  const text = pairs.map(([key, value]) => ` ${key}=${formatValue(value)}`).join("");
  return `[${level.toUpperCase()}] memberlist: ${escapeControls(message)}${text}`;
}

/** Plain where it reads unambiguously, else quoted as JSON. */
function formatValue(value: unknown): string {
  if (typeof value === "number") return String(rounded(value));
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  const text = valueText(value);
  return /^(?:[\w.:/@[\]+-]+|<[\w ]+>)$/.test(text) ? text : escapeControls(JSON.stringify(text));
}

/** 699.9700000001 ms are 700 for a reader; a share of 0.25 stays one. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 1_000) / 1_000;
}

function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.message;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/** Line breaks, terminal escapes, bidirectional overrides and halves of surrogate pairs as `\\u{…}`. */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

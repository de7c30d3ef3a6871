import { formatAddress } from "../api/address.ts";
import type { LogCode } from "../api/codes.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { LogEvent } from "../api/events.ts";
import type { Clock } from "./clock.ts";
import { consoleLogger, textLogger, type LogFields, type Logger, type LogLevel } from "./logger.ts";
import { RateLimit } from "../util/rate-limit.ts";

/**
 * How the library itself logs: a stable code, a message, and fields. Each code has its own limit (10 lines at once, then one a
 * second), so that a flood of bad packets is not a flood of lines; the next line that gets through has in `suppressed` how
 * many did not. A logger that throws, or rejects, is ignored.
 *
 * A field that is an {@link Address} is logged as `host:port`; a `from` that is not known as `<unknown address>`. An `error` is logged
 * as `err`: the key by which pino and bunyan know that it is one.
 */
export class Log<Code extends string = LogCode> {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #limits: Map<string, RateLimit> = new Map();

  readonly #onLine: ((event: LogEvent) => void) | undefined;

  /** @param onLine gets every line as well */
  constructor(logger: Logger, clock: Clock, onLine?: (event: LogEvent) => void) {
    this.#logger = logger;
    this.#clock = clock;
    this.#onLine = onLine;
  }

  debug(code: Code, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write("debug", code, message, fields);
  }

  info(code: Code, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write("info", code, message, fields);
  }

  warn(code: Code, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write("warn", code, message, fields);
  }

  error(code: Code, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#write("error", code, message, fields);
  }

  #write(level: LogLevel, code: Code, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const suppressed = this.#admit(code);
    if (suppressed === undefined) return;
    this.#guarded(() => {
      const line: LogFields = { code, ...readable(fields), ...(suppressed > 0 ? { suppressed } : {}) };
      return this.#hand({ type: "log", level, code, message, fields: line, at: this.#clock.wallTime() });
    });
  }

  /** Writes a line that this log, or the log in the member's thread, has admitted. */
  write(event: LogEvent): void {
    this.#guarded(() => this.#hand(event));
  }

  #hand(event: LogEvent): unknown {
    const { level, fields, message } = event;
    this.#onLine?.(event);
    return this.#logger[level](fields, message);
  }

  #guarded(write: () => unknown): void {
    try {
      const result = write();
      if (result instanceof Promise) result.catch(ignore);
    } catch {
      // A broken logger must not break the protocol, and cannot report its own error.
    }
  }

  /** Takes a token: how many lines were suppressed since the last one, or undefined when this one is to be. */
  #admit(code: string): number | undefined {
    const now = this.#clock.now();
    let limit = this.#limits.get(code);
    if (limit === undefined) this.#limits.set(code, (limit = new RateLimit(now)));
    return limit.take(now);
  }
}

/** The log that a config asks for: its `logger`, else text to its `logOutput`, else the console from "warn" on. */
export function createLog(
  config: Pick<ResolvedConfig, "logger" | "logOutput" | "clock">,
  onLine?: (event: LogEvent) => void,
): Log {
  const { logger, logOutput, clock } = config;
  return new Log(logger ?? (logOutput === undefined ? consoleLogger() : textLogger(logOutput, clock)), clock, onLine);
}

function readable(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (key !== "code") result[key === "error" ? "err" : key] = isAddress(value) ? formatAddress(value) : value;
  }
  if ("from" in fields && (fields["from"] === undefined || fields["from"] === "")) result["from"] = "<unknown address>";
  return result;
}

function isAddress(value: unknown): value is { host: string; port: number } {
  return (
    typeof value === "object" &&
    value !== null &&
    "host" in value &&
    "port" in value &&
    typeof value.host === "string" &&
    typeof value.port === "number"
  );
}

function ignore(): void {
  // The rejection of an asynchronous logger.
}

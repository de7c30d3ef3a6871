import type { BuildEvent } from "./demo-event.ts";
import { formatDuration, painter, type Paint } from "@memberlist/cli/internal";

/** Shows what is being built. */
export interface BuildProgress {
  readonly begin: (what: readonly string[]) => void;
  /** One is over: built, or not because of `failure`. */
  readonly done: (what: string, failure: string | undefined) => void;
  /** All is over. */
  readonly end: () => void;
}

export function chooseProgress(json: boolean, out: NodeJS.WriteStream): BuildProgress {
  const write = (text: string): void => void out.write(text);
  if (json) return new JsonProgress(write);
  const paint = painter(out.isTTY && out.hasColors());
  return new TextProgress(write, paint, out.isTTY && process.env["TERM"] !== "dumb");
}

class JsonProgress implements BuildProgress {
  readonly #write: (text: string) => void;
  readonly #since: number = performance.now();

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  begin(what: readonly string[]): void {
    for (const one of what) this.#report({ status: "started", what: one });
  }

  done(what: string, failure: string | undefined): void {
    const durationMs = Math.round(performance.now() - this.#since);
    this.#report({ status: failure === undefined ? "passed" : "failed", what, durationMs, reason: failure });
  }

  end(): void {
    // Each event is written at once.
  }

  #report(fields: Omit<BuildEvent, "event" | "at">): void {
    const event: BuildEvent = { event: "build", at: Math.round(performance.timeOrigin + performance.now()), ...fields };
    this.#write(`${JSON.stringify(event)}\n`);
  }
}

/** Lines; on a terminal the last one counts the seconds. Elsewhere it says now and then that it goes on. */
class TextProgress implements BuildProgress {
  readonly #write: (text: string) => void;
  readonly #paint: Paint;
  readonly #redraws: boolean;
  readonly #since: number = performance.now();
  readonly #pending: Set<string> = new Set();
  #timer: NodeJS.Timeout | undefined;

  constructor(write: (text: string) => void, paint: Paint, redraws: boolean) {
    this.#write = write;
    this.#paint = paint;
    this.#redraws = redraws;
  }

  begin(what: readonly string[]): void {
    for (const one of what) this.#pending.add(one);
    this.#timer = setInterval(() => this.#goOn(), this.#redraws ? 1_000 : 10_000);
    this.#write(this.#redraws ? this.#line() : `${this.#line()}\n`);
  }

  done(what: string, failure: string | undefined): void {
    this.#pending.delete(what);
    const time = this.#paint("dim", formatDuration(performance.now() - this.#since));
    const mark = failure === undefined ? this.#paint("green", "✓") : this.#paint("yellow", "!");
    this.#erase();
    this.#write(`${mark} ${failure === undefined ? `built ${what}` : `${what}: ${failure}`}  ${time}\n`);
    if (this.#redraws && this.#pending.size > 0) this.#write(this.#line());
  }

  end(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #goOn(): void {
    if (this.#pending.size === 0) return;
    this.#erase();
    this.#write(this.#redraws ? this.#line() : `${this.#line()}\n`);
  }

  #line(): string {
    const seconds = Math.round((performance.now() - this.#since) / 1_000);
    return `building ${[...this.#pending].join(" and ")} …${seconds > 0 ? ` ${seconds} s` : ""}`;
  }

  #erase(): void {
    if (this.#redraws) this.#write("\r\u001B[K");
  }
}

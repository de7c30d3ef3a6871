import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { UsageError } from "./usage-error.ts";

/**
 * The finished runs of a long experiment, one line of JSON each, so that a stopped experiment continues where it was. A run is known by
 * its input.
 */
export class RunLog<Input, Outcome> {
  readonly #file: string | undefined;
  readonly #known: Map<string, Outcome> = new Map();

  /** @param file undefined: the log keeps no runs */
  constructor(file: string | undefined) {
    this.#file = file;
    if (file === undefined || !existsSync(file)) return;
    for (const [i, line] of readFileSync(file, "utf8").split("\n").entries()) {
      if (line === "") continue;
      const entry = parsed(line);
      if (typeof entry !== "object" || entry === null || !("input" in entry && "outcome" in entry)) {
        throw new UsageError(`${file}, line ${i + 1}: not a line that --log has written`);
      }
      this.#known.set(JSON.stringify(entry.input), entry.outcome as Outcome);
    }
  }

  get(input: Input): Outcome | undefined {
    return this.#known.get(JSON.stringify(input));
  }

  add(input: Input, outcome: Outcome): void {
    this.#known.set(JSON.stringify(input), outcome);
    if (this.#file !== undefined) appendFileSync(this.#file, `${JSON.stringify({ input, outcome })}\n`);
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

import { appendFileSync, existsSync, readFileSync } from "node:fs";

/**
 * What long experiments have played so far, a line of JSON for each run, so that one that was ended goes on where it was. A run is known by
 * its input.
 */
export class RunLog<Input, Outcome> {
  readonly #file: string | undefined;
  readonly #known: Map<string, Outcome> = new Map();

  /** @param file undefined: nothing is kept */
  constructor(file: string | undefined) {
    this.#file = file;
    if (file === undefined || !existsSync(file)) return;
    for (const line of readFileSync(file, "utf8").split("\n")) {
      if (line === "") continue;
      const { input, outcome } = JSON.parse(line) as { readonly input: Input; readonly outcome: Outcome };
      this.#known.set(JSON.stringify(input), outcome);
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

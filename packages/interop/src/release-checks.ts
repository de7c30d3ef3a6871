/** A result of a check for the table, such as a size or a duration. */
export class Figure {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Runs one check and reports it. A {@link Figure} that it resolves with goes into the table. */
export type Check = (what: string, act: () => Promise<unknown>) => Promise<void>;

interface Step {
  passed: number;
  failed: number;
  seconds: number;
  readonly figures: string[];
}

/** npm's and pnpm's words for a registry that they cannot reach. */
const noNetwork =
  /(?:npm (?:error|ERR!) (?:code|errno) (?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH))|ENOTFOUND|EAI_AGAIN|ERR_PNPM_META_FETCH_FAIL|does this machine have a network/;

/** Counts the checks of each step of a release, and prints them as a table. */
export class ReleaseChecks {
  readonly #steps: Map<string, Step> = new Map();
  readonly #print: (line: string) => void;

  /** @param print gets a line for each check as it ends */
  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  get passed(): number {
    return [...this.#steps.values()].reduce((sum, { passed }) => sum + passed, 0);
  }

  get failed(): number {
    return [...this.#steps.values()].reduce((sum, { failed }) => sum + failed, 0);
  }

  /** The checks of a step, which gets a line in the table in the order of these calls. */
  step(name: string): Check {
    const step: Step = this.#steps.get(name) ?? { passed: 0, failed: 0, seconds: 0, figures: [] };
    this.#steps.set(name, step);
    return async (what, act) => {
      const start = performance.now();
      try {
        const result = await act();
        if (result instanceof Figure) step.figures.push(result.text);
        step.passed++;
        this.#print(`ok: ${what}`);
      } catch (error) {
        step.failed++;
        const reason = error instanceof Error ? error.message : String(error);
        this.#print(noNetwork.test(reason) ? `NO NETWORK: ${what}: npm cannot reach its registry` : `NOT OK: ${what}\n${reason}`);
      }
      step.seconds += (performance.now() - start) / 1000;
    };
  }

  table(): string {
    const rows = [...this.#steps].map(([name, { passed, failed, seconds, figures }]) => [
      name,
      failed === 0 ? `${passed} ok` : `${failed} of ${passed + failed} FAILED`,
      `${seconds.toFixed(1)} s`,
      figures.join("; "),
    ]);
    const all = [["step", "checks", "time", ""], ...rows];
    const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
    return all
      .map(
        (row) =>
          `${row
            .map((cell, i) => cell.padEnd(widths[i] ?? 0))
            .join("  ")
            .trimEnd()}\n`,
      )
      .join("");
  }
}

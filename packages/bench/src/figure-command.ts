import type { Command } from "commander";
import { wholeNumber } from "../../simulator/src/cli/numbers.ts";
import { outputFolder } from "../../simulator/src/cli/output-path.ts";
import { writeReport } from "../../simulator/src/cli/report.ts";
import { UsageError } from "../../simulator/src/cli/usage-error.ts";
import { figureTable, type Figure, type Kinds } from "./figure.ts";
import { targetTable, type Target } from "./target.ts";

/** The options of a command whose experiments measure figures. */
export interface FigureFlags {
  readonly quick?: true;
  readonly rounds: number;
  readonly json?: true;
  readonly out: string;
  readonly only?: string;
}

interface Named {
  readonly name: string;
}

export interface FigureReport {
  /** The name of the file with the samples, without extension. */
  readonly name: string;
  readonly rounds: number;
  readonly figures: readonly Figure[];
  readonly targets: readonly Target[];
  readonly kinds: Kinds;
  readonly charts: Parameters<typeof writeReport>[3];
}

/** Adds the options. @param quick describes `--quick` @param written describes the files in the folder of `--out` */
export function addFigureOptions(command: Command, experiments: readonly Named[], quick: string, written: string): Command {
  return command
    .option("--quick", quick)
    .option("--rounds <n>", "interleaved rounds", wholeNumber(1), 5)
    .option("--only <names>", `of ${namesOf(experiments)}; separated by commas`)
    .option("--json", "print all samples as JSON instead of the tables")
    .option("--out <folder>", `where ${written} go`, outputFolder, "bench-results");
}

/** The experiments that `--only` names; all without it. */
export function chosen<T extends Named>(experiments: readonly T[], only: string | undefined): readonly T[] {
  if (only === undefined) return experiments;
  const names = only.split(",");
  const unknown = names.filter((name) => !experiments.some((one) => one.name === name));
  if (unknown.length > 0) {
    throw new UsageError(`--only: unknown ${unknown.join(", ") || "empty name"}; use names of ${namesOf(experiments)}`);
  }
  return experiments.filter(({ name }) => names.includes(name));
}

/** Prints the figures and the targets, and writes all samples. */
export async function reportFigures(
  { json, out }: FigureFlags,
  { charts, figures, kinds, name, rounds, targets }: FigureReport,
): Promise<void> {
  const data = { rounds, targets, figures };
  const tables = `${figureTable(figures, kinds)}\n\n${targetTable(targets)}`;
  process.stdout.write(`${json === true ? JSON.stringify(data, null, 2) : tables}\n`);
  const files = await writeReport(out, name, data, charts);
  process.stderr.write(`written: ${files.join(", ")}\n`);
}

function namesOf(experiments: readonly Named[]): string {
  return experiments.map(({ name }) => name).join(", ");
}

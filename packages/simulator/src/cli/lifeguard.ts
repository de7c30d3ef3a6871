import { SeededRandom } from "@memberlist/core/testing";
import { Option, type Command } from "commander";
import { inputsOf, intervalCells, shuffled, thresholdCells, type GridSize } from "../papers/lifeguard-grid.ts";
import { lifeguardPaper } from "../papers/lifeguard-paper.ts";
import {
  lifeguardConfigurations,
  type LifeguardConfiguration,
  type LifeguardInput,
  type LifeguardOutcome,
} from "../papers/lifeguard-run.ts";
import { confidence, quantile, sum } from "../papers/statistics.ts";
import { lifeguardChart, type LifeguardResult } from "./lifeguard-chart.ts";
import { wholeNumber } from "./numbers.ts";
import { outputFile, outputFolder } from "./output-path.ts";
import { Progress } from "./progress.ts";
import { writeReport } from "./report.ts";
import { RunLog } from "./run-log.ts";
import { figure, table } from "./table.ts";
import { work } from "./workers.ts";

interface LifeguardFlags {
  readonly full?: boolean;
  readonly quick?: boolean;
  readonly agents: number;
  readonly seed: number;
  readonly jobs?: number;
  readonly out: string;
  readonly log?: string;
  readonly budget?: number;
}

interface Measured extends LifeguardResult {
  readonly counts: { readonly falsePositives: number; readonly healthyFalsePositives: number; readonly messages: number };
  readonly detections: number;
}

/** `lifeguard`: the paper's tables. */
export function addLifeguard(program: Command): void {
  program
    .command("lifeguard")
    .description("reproduces the Lifeguard paper: false positives, load and latency of its five configurations")
    .addOption(new Option("--quick", "17 runs of each configuration instead of 72").conflicts("full"))
    .option("--full", "the paper's whole grid: 24,300 runs, some days of CPU time")
    .option("--agents <n>", "fewer than the paper's are quicker", wholeNumber(4), 128)
    .option("--seed <n>", "of the sample and of its runs", wholeNumber(0), 1)
    .option("--jobs <n>", "processes (default: one for each core)", wholeNumber(1))
    .option("--log <file>", "adds each run's outcome to it; those that it has already are not played again", outputFile)
    .option(
      "--budget <s>",
      "seconds, after which no further run is begun: the tables are then of what was played in all five",
      wholeNumber(1),
    )
    .option("--out <folder>", "where the JSON and the charts go", outputFolder, "sim-results")
    .action(lifeguard);
}

async function lifeguard({ full, quick, agents, seed, jobs, out, log, budget = Infinity }: LifeguardFlags): Promise<void> {
  const size: GridSize = full === true ? "full" : quick === true ? "quick" : "strata";
  const cells = shuffled(
    [...intervalCells({ size, seed, agents }), ...thresholdCells({ size, seed, agents })],
    new SeededRandom(seed),
  );
  const runs = new RunLog<LifeguardInput, LifeguardOutcome>(log);
  const missing = inputsOf(cells).filter((input) => runs.get(input) === undefined);
  const progress = new Progress("lifeguard", missing.length);
  await work("lifeguardRun", missing, {
    jobs,
    onResult: (outcome, i) => {
      runs.add(missing[i] as LifeguardInput, outcome);
      progress.step();
      return progress.elapsed < budget;
    },
  });
  // All five configurations of a cell, or none: they are compared run by run.
  const whole = cells.filter((cell) => inputsOf([cell]).every((input) => runs.get(input) !== undefined));
  const played = inputsOf(whole).map((input) => ({ input, outcome: runs.get(input) as LifeguardOutcome }));
  const measured = measure(played, seed);
  process.stdout.write(`${legend}\n\n${falsePositiveTable(measured)}\n\n${latencyTable(measured)}\n\n`);
  const intervalRuns = whole.filter(({ interval }) => interval !== undefined).length;
  const sample = { size, seed, agents, cells: cells.length, intervalRuns, thresholdRuns: whole.length - intervalRuns };
  process.stdout.write(
    `${intervalRuns} interval and ${sample.thresholdRuns} threshold runs of each configuration, of ${cells.length} in all\n`,
  );
  const files = await writeReport(
    out,
    "lifeguard",
    { sample, measured, paper: lifeguardPaper, runs: played },
    {
      lifeguard: lifeguardChart(measured),
    },
  );
  process.stdout.write(`written: ${files.join(", ")}\n`);
}

const legend =
  "FP: a healthy agent was held for dead, by anybody; FP-: by a healthy one; % of SWIM's, - if SWIM had 0. In [ ] 95 % of the bootstrap.\n" +
  "First: until the first healthy agent holds a slow one for dead; all: until all do.";

interface Played {
  readonly input: LifeguardInput;
  readonly outcome: LifeguardOutcome;
}

function measure(played: readonly Played[], seed: number): Measured[] {
  const of = (configuration: LifeguardConfiguration, isInterval: boolean): LifeguardOutcome[] =>
    played
      .filter(({ input }) => input.configuration === configuration && (input.interval !== undefined) === isInterval)
      .map(({ outcome }) => outcome);
  const base = of("SWIM", true);
  return lifeguardConfigurations.map((configuration) => {
    const runs = of(configuration, true);
    const latency = of(configuration, false);
    const percent = (field: "falsePositives" | "healthyFalsePositives" | "messages" | "bytes"): number =>
      (100 * sum(runs.map((run) => run[field]))) / sum(base.map((run) => run[field]));
    const interval = (field: "falsePositives" | "healthyFalsePositives"): [number, number] =>
      confidence(runs.length, new SeededRandom(seed), (units) => {
        const total = (all: readonly LifeguardOutcome[]): number => sum(units.map((i) => all[i]?.[field] ?? 0));
        return (100 * total(runs)) / total(base);
      });
    const seconds = (field: "firstDetections" | "disseminations"): [number, number] => {
      const all = latency.flatMap((run) => run[field]);
      return [quantile(all, 0.5) / 1000, quantile(all, 0.99) / 1000];
    };
    return {
      configuration,
      falsePositives: percent("falsePositives"),
      healthyFalsePositives: percent("healthyFalsePositives"),
      messages: percent("messages"),
      bytes: percent("bytes"),
      firstDetection: seconds("firstDetections"),
      dissemination: seconds("disseminations"),
      counts: {
        falsePositives: sum(runs.map((run) => run.falsePositives)),
        healthyFalsePositives: sum(runs.map((run) => run.healthyFalsePositives)),
        messages: sum(runs.map((run) => run.messages)),
      },
      intervals: { falsePositives: interval("falsePositives"), healthyFalsePositives: interval("healthyFalsePositives") },
      detections: latency.flatMap((run) => run.firstDetections).length,
    };
  });
}

function falsePositiveTable(measured: readonly Measured[]): string {
  const head = ["configuration", "FP", "FP %", "paper", "FP-", "FP- %", "paper", "messages %", "paper", "bytes %", "paper"];
  const range = ([low, high]: readonly [number, number]): string => `${figure(low, 1)} to ${figure(high, 1)}`;
  const rows = measured.map((of) => {
    const paper = lifeguardPaper[of.configuration];
    return [
      of.configuration,
      String(of.counts.falsePositives),
      `${figure(of.falsePositives, 2)} [${range(of.intervals.falsePositives)}]`,
      paper.falsePositives.toFixed(2),
      String(of.counts.healthyFalsePositives),
      `${figure(of.healthyFalsePositives, 2)} [${range(of.intervals.healthyFalsePositives)}]`,
      paper.healthyFalsePositives.toFixed(2),
      figure(of.messages, 1),
      paper.messages.toFixed(1),
      figure(of.bytes, 1),
      paper.bytes.toFixed(1),
    ];
  });
  return table(head, rows);
}

function latencyTable(measured: readonly Measured[]): string {
  const head = ["configuration", "detections", "first, s: median / 99 %", "paper", "all, s: median / 99 %", "paper"];
  const pair = ([median, high]: readonly [number, number]): string => `${figure(median, 2)} / ${figure(high, 2)}`;
  const rows = measured.map((of) => {
    const paper = lifeguardPaper[of.configuration];
    return [
      of.configuration,
      String(of.detections),
      pair(of.firstDetection),
      pair(paper.firstDetection),
      pair(of.dissemination),
      pair(paper.dissemination),
    ];
  });
  return table(head, rows);
}

import { SeededRandom } from "@memberlist/core/testing";
import type { Command } from "commander";
import type { TopLevelSpec } from "vega-lite";
import { confidence, mean, quantile, shareInterval, sum } from "../papers/statistics.ts";
import { infectionCurve, probedShare, swimFormula } from "../papers/swim-run.ts";
import { wholeNumber } from "./numbers.ts";
import { outputFolder } from "./output-path.ts";
import { Progress } from "./progress.ts";
import { writeReport } from "./report.ts";
import { table } from "./table.ts";
import { work } from "./workers.ts";

interface SwimFlags {
  readonly quick?: boolean;
  readonly seed: number;
  readonly jobs?: number;
  readonly out: string;
}

const delivered = 0.9;
const firstDetection = Math.E / (Math.E - 1);

/** `swim`: the figures of the SWIM paper. */
export function addSwim(program: Command): void {
  program
    .command("swim")
    .description("reproduces the SWIM paper: first detection, load per member, false positives, infection")
    .option("--quick", "40 to 60 members instead of 100 to 500, and a fifth of the runs or less: a minute instead of ten")
    .option("--seed <n>", "the same seed, the same runs", wholeNumber(0), 1)
    .option("--jobs <n>", "processes (default: one for each core)", wholeNumber(1))
    .option("--out <folder>", "where the JSON and the chart go", outputFolder, "sim-results")
    .action(swim);
}

async function swim({ quick = false, seed, jobs, out }: SwimFlags): Promise<void> {
  const runs = quick ? 4 : 20;
  const inputs = {
    swimDetection: Array.from({ length: runs }, (_, i) => ({ seed: `${seed}/${i}`, nodes: quick ? 60 : 200, failures: 10 })),
    swimLoad: (quick ? [10, 50] : [10, 50, 200, 500]).map((nodes) => ({ seed: `${seed}`, nodes })),
    swimInfection: Array.from({ length: runs }, (_, i) => ({ seed: `${seed}/${i}`, nodes: quick ? 60 : 200 })),
    swimFalsePositives: [1, 3].flatMap((indirectChecks) =>
      Array.from({ length: quick ? 2 : 24 }, (_, i) => ({
        seed: `${seed}/${i}`,
        nodes: quick ? 40 : 100,
        indirectChecks,
        delivered,
        periods: quick ? 60 : 120,
      })),
    ),
  };
  const progress = new Progress("swim", sum(Object.values(inputs).map(({ length }) => length)));
  const options = { jobs, onResult: (): void => progress.step() };
  const loads = defined(await work("swimLoad", inputs.swimLoad, options));
  const rates = defined(await work("swimFalsePositives", inputs.swimFalsePositives, options));
  const periods = defined(await work("swimDetection", inputs.swimDetection, options)).flat();

  const infections = defined(await work("swimInfection", inputs.swimInfection, options));

  const random = new SeededRandom(seed);
  const falsePositives = [1, 3].map((indirectChecks) => {
    const played = inputs.swimFalsePositives.flatMap((input, i) =>
      input.indirectChecks === indirectChecks ? [{ ...input, rate: rates[i] ?? NaN }] : [],
    );
    const [{ nodes } = { nodes: NaN }] = played;
    const trials = sum(played.map((run) => run.nodes * run.periods));
    const verdicts = sum(played.map((run) => run.nodes * run.periods * run.rate));
    // The paper counts verdicts in periods in which the member is probed at all.
    const probed = probedShare(nodes);
    const [low, high] = shareInterval(verdicts, trials);
    const interval: [number, number] = [low / probed, high / probed];
    return {
      indirectChecks,
      nodes,
      measured: verdicts / trials / probed,
      interval,
      expected: swimFormula(delivered, indirectChecks, nodes),
      paper: swimFormula(delivered, indirectChecks),
      verdicts,
    };
  });
  const infection = infectionOf(infections, quick ? 60 : 200);
  const detection = {
    measured: mean(periods),
    interval: confidence(periods.length, random, (units) => mean(units.map((i) => periods[i] ?? NaN))),
    worst: quantile(periods, 1),
    failures: periods.length,
    nodes: quick ? 60 : 200,
    paper: firstDetection,
  };
  const range = ([low, high]: readonly [number, number], digits: number): string =>
    `${low.toFixed(digits)}-${high.toFixed(digits)}`;
  const rows = [
    [
      "periods until a failed member is probed",
      detection.measured.toFixed(2),
      range(detection.interval, 2),
      (1 / probedShare(detection.nodes)).toFixed(2),
      detection.paper.toFixed(2),
    ],
    ...loads.map(({ nodes, sent }) => [
      `packets sent per member and period, ${nodes} members`,
      sent.toFixed(3),
      "",
      "2.0",
      "2.0",
    ]),
    ...loads.map(({ nodes, probed }) => [
      `members probed in a period, ${nodes} members`,
      probed.toFixed(3),
      "",
      probedShare(nodes).toFixed(3),
      probedShare(Infinity).toFixed(3),
    ]),
    ...falsePositives.map(({ indirectChecks, nodes, measured, interval, expected, paper }) => [
      `false positives, k = ${indirectChecks}, ${Math.round(100 * (1 - delivered))} % loss, ${nodes} members`,
      measured.toFixed(4),
      range(interval, 4),
      expected.toFixed(4),
      paper.toFixed(4),
    ]),
  ];
  process.stdout.write(`${table(["", "measured", "95 %", "formula, so many", "formula, infinitely many"], rows)}\n`);
  const infectionRows = infection.map(({ period, measured, paper }) => [String(period), measured.toFixed(1), paper.toFixed(1)]);
  process.stdout.write(`\n${table(["after periods", "have the message, mean", "paper's x(t)"], infectionRows)}\n`);
  const data = { seed, quick, detection, loads, falsePositives, periods, infection };
  const files = await writeReport(out, "swim", data, {
    swim: detectionChart(periods),
    "swim-infection": infectionChart(infection),
  });
  process.stdout.write(`written: ${files.join(", ")}\n`);
}

function defined<T>(results: readonly (T | undefined)[]): T[] {
  return results.filter((result) => result !== undefined);
}

export interface InfectionPoint {
  readonly period: number;
  /** Members that have the message, the mean of all runs. */
  readonly measured: number;
  readonly paper: number;
}

function infectionOf(runs: readonly (readonly number[])[], nodes: number): InfectionPoint[] {
  return (runs[0] ?? []).map((_, period) => ({
    period,
    measured: mean(runs.map((run) => run[period] ?? NaN)),
    paper: infectionCurve(nodes, period),
  }));
}

export function infectionChart(infection: readonly InfectionPoint[]): TopLevelSpec {
  const values = infection.flatMap(({ period, measured, paper }) => [
    { period, source: "measured (mean)", members: measured },
    { period, source: "paper", members: paper },
  ]);
  return {
    title: "Messages that ride along on pings and acks",
    width: 480,
    data: { values },
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "period", type: "quantitative", title: "periods after the message set out" },
      y: { field: "members", type: "quantitative", title: "members that have it" },
      color: { field: "source", type: "nominal", title: null },
    },
  };
}

export function detectionChart(periods: readonly number[]): TopLevelSpec {
  const counts = Array.from({ length: Math.max(...periods) }, (_, i) => i + 1).flatMap((period) => [
    { period, source: "measured", share: periods.filter((at) => at === period).length / periods.length },
    { period, source: "paper", share: (1 - 1 / Math.E) * Math.E ** (1 - period) },
  ]);
  return {
    title: "The period in which a failed member is first probed",
    width: 480,
    data: { values: counts },
    mark: "bar",
    encoding: {
      x: { field: "period", type: "ordinal", title: "period after the failure", axis: { labelAngle: 0 } },
      xOffset: { field: "source" },
      y: { field: "share", type: "quantitative", title: "share of the failures" },
      color: { field: "source", type: "nominal", title: null },
    },
  };
}

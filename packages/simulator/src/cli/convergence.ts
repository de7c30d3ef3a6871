import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { analyticShare, analyticTime, type Infection } from "../papers/convergence-run.ts";
import { quantile } from "../papers/statistics.ts";
import { wholeNumber } from "./numbers.ts";
import { outputFolder } from "./output-path.ts";
import { Progress } from "./progress.ts";
import { writeReport } from "./report.ts";
import { table } from "./table.ts";
import { work } from "./workers.ts";

interface ConvergenceFlags {
  readonly nodes: number;
  readonly loss: number;
  readonly failed: number;
  readonly fanout: number;
  readonly interval: number;
  readonly runs: number;
  readonly seed: number;
  readonly jobs?: number;
  readonly out: string;
}

const shares = [0.5, 0.9, 0.99, 0.9999] as const;

/** `convergence`: how fast a message spreads, measured, beside the analytic curve. */
export function addConvergence(program: Command): void {
  program
    .command("convergence")
    .description("how fast a change reaches all by gossip, measured, beside the analytic curve of Serf's documentation")
    .option("--nodes <n>", "how many", wholeNumber(2), 100)
    .option("--loss <share>", "of the packets that are lost, 0 to less than 1", share, 0)
    .option("--failed <share>", "of the nodes that fail as the message sets out, 0 to less than 1", share, 0)
    .option("--fanout <n>", "gossipNodes: to how many each node sends in a round", wholeNumber(1), 3)
    .option("--interval <ms>", "gossipInterval: the time between two rounds", wholeNumber(1), 200)
    .option("--runs <n>", "how many are taken together", wholeNumber(1), 10)
    .option("--seed <n>", "the same seed, the same runs", wholeNumber(0), 1)
    .option("--jobs <n>", "processes (default: one for each core)", wholeNumber(1))
    .option("--out <folder>", "where the JSON and the chart go", outputFolder, "sim-results")
    .action(convergence);
}

async function convergence({ runs, seed, jobs, out, ...input }: ConvergenceFlags): Promise<void> {
  const inputs = Array.from({ length: runs }, (_, i) => ({ ...input, seed: `${seed}/${i}` }));
  const progress = new Progress("convergence", runs);
  const results = (await work("convergenceRun", inputs, { jobs, onResult: () => progress.step() })) as Infection[];
  const measured = shares.map((part) => ({
    share: part,
    measured:
      quantile(
        results.map((run) => timeOf(run, part)),
        0.5,
      ) / 1000,
    analytic: analyticTime(input, part) / 1000,
  }));
  const rows = measured.map(({ share: part, measured: seconds, analytic }) => [
    `${100 * part} %`,
    seconds.toFixed(2),
    analytic.toFixed(2),
  ]);
  process.stdout.write(`${table(["reached", "measured, s (median)", "analytic, s"], rows)}\n`);
  const never = results.filter(({ heardAt, nodes }) => heardAt.length < nodes).length;
  process.stdout.write(`${runs} runs of ${input.nodes} nodes; in ${never} of them somebody had not heard after 20 s\n`);
  const files = await writeReport(out, "convergence", { input, runs, seed, measured, results }, chart(input, results));
  process.stdout.write(`written: ${files.join(", ")}\n`);
}

/** When a run had reached a share, in ms; Infinity when it never did. */
function timeOf({ heardAt, nodes }: Infection, part: number): number {
  return heardAt[Math.ceil(part * nodes) - 1] ?? Infinity;
}

function chart(input: Parameters<typeof analyticTime>[0], results: readonly Infection[]): Parameters<typeof writeReport>[3] {
  const step = input.interval / 4;
  const last = Math.max(analyticTime(input, 0.9999), ...results.map((run) => timeOf(run, 1)).filter(Number.isFinite));
  const times = Array.from({ length: Math.ceil(last / step) + 1 }, (_, i) => i * step);
  const reached = (at: number): number =>
    quantile(
      results.map(({ heardAt, nodes }) => heardAt.filter((time) => time <= at).length / nodes),
      0.5,
    );
  const values = times.flatMap((at) => [
    { seconds: at / 1000, source: "measured (median)", share: reached(at) },
    { seconds: at / 1000, source: "analytic", share: analyticShare(input, at / input.interval) },
  ]);
  return {
    convergence: {
      title: `${input.nodes} nodes, fanout ${input.fanout}, ${100 * input.loss} % loss, ${100 * input.failed} % failed`,
      width: 480,
      data: { values },
      mark: "line",
      encoding: {
        x: { field: "seconds", type: "quantitative", title: "seconds after the change" },
        y: { field: "share", type: "quantitative", title: "share of the nodes that know" },
        color: { field: "source", type: "nominal", title: null, sort: ["measured (median)", "analytic"] },
      },
    },
  };
}

function share(text: string): number {
  const value = Number(text);
  if (value >= 0 && value < 1) return value;
  throw new InvalidArgumentError("a share from 0 to less than 1 is needed");
}

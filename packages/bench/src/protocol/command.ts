import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { wholeNumber } from "../../../simulator/src/cli/numbers.ts";
import { outputFolder } from "../../../simulator/src/cli/output-path.ts";
import { Progress } from "../../../simulator/src/cli/progress.ts";
import { writeReport } from "../../../simulator/src/cli/report.ts";
import { UsageError } from "../../../simulator/src/cli/usage-error.ts";
import { buildGoNode } from "../go-node.ts";
import { targetTable, type Target } from "../target.ts";
import { ackLatency } from "./ack-latency.ts";
import { detection } from "./detection.ts";
import { clusterSize, joinStorm, measured, memoryPerMember, pushPull, timings, type Experiment } from "./experiments.ts";
import { FakeMembers } from "./fake-members.ts";
import { Figures, figureTable, medianOf, worstOf, type Figure } from "./figure.ts";
import { idleCpu, idleFigure } from "./idle.ts";
import type { Kind, Programs } from "./member.ts";
import { ratioChart, type Ratio } from "./ratio-chart.ts";

interface Flags {
  readonly quick?: true;
  readonly rounds: number;
  readonly json?: true;
  readonly out: string;
  readonly only?: string;
}

const experiments: readonly Experiment[] = [pushPull, joinStorm, memoryPerMember, timings, ackLatency, idleCpu, detection];
/** Members beyond the 10,000: what a table has that already is one. */
const some = 1_000;

/** `pnpm bench protocol`. */
export function addProtocol(program: Command): void {
  program
    .command("protocol")
    .description(
      "what the protocol costs on Node, beside the Go library: push/pull and memory of 10,000 members, idle nodes, late acks, ...",
    )
    .option("--quick", "one round, without idle nodes and deaths")
    .option("--rounds <n>", "interleaved rounds", wholeNumber(1), 5)
    .option("--only <names>", `of ${experiments.map(({ name }) => name).join(", ")}; separated by commas`)
    .option("--json", "print all samples as JSON instead of the tables")
    .option("--out <folder>", "where the JSON and the chart go", outputFolder, "bench-results")
    .action(protocol);
}

async function protocol({ quick, rounds, json, out, only }: Flags): Promise<void> {
  const names = only?.split(",") ?? experiments.map(({ name }) => name);
  const unknown = names.filter((name) => !experiments.some((one) => one.name === name));
  if (unknown.length > 0)
    throw new UsageError(
      `--only: there is no ${unknown.join(", ") || "empty name"}; there are ${experiments.map(({ name }) => name).join(", ")}`,
    );
  const isShort = (one: Experiment): boolean => one !== idleCpu && one !== detection;
  const wanted = experiments.filter((one) => names.includes(one.name) && (quick !== true || only !== undefined || isShort(one)));
  const roundCount = quick === true ? 1 : rounds;
  const programs = await findPrograms();
  const kinds = [...programs.keys()];
  const total = wanted.reduce((sum, one) => sum + one.steps(roundCount, kinds.length), 0);
  const progress = new Progress("bench protocol", total);
  const figures = new Figures();
  const fake = await FakeMembers.open(clusterSize + some);
  try {
    for (const one of wanted) {
      await one.run({ programs, kinds, rounds: roundCount, figures, fake, step: () => progress.step() });
    }
  } finally {
    fake.close();
  }
  const found = figures.list();
  const targets = targetsOf(found);
  const data = { rounds: roundCount, targets, figures: found };
  if (json === true) process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
  else
    process.stdout.write(
      `${figureTable(found, [
        ["node", "node"],
        ["go", "Go"],
      ])}\n\n${targetTable(targets)}\n`,
    );
  const files = await writeReport(out, "protocol", data, { protocol: ratioChart(ratiosOf(found)) });
  process.stderr.write(`written: ${files.join(", ")}\n`);
}

async function findPrograms(): Promise<Programs> {
  const programs = new Map<Kind, readonly [string, ...string[]]>();
  const program = fileURLToPath(new URL("member-program.mjs", import.meta.url));
  programs.set("node", [process.execPath, "--expose-gc", program]);
  const go = await buildGoNode();
  if (go !== undefined) programs.set("go", [go, "member"]);
  return programs;
}

function targetsOf(figures: readonly Figure[]): Target[] {
  const ratio = (what: string): number => medianOf(figures, what, "node") / medianOf(figures, what, "go");
  return [
    { what: `${measured.pushPullTime}, against Go`, unit: "x", measured: ratio(measured.pushPullTime), atMost: 1 },
    {
      what: `${measured.pushPullStall}, the worst round`,
      unit: " ms",
      measured: worstOf(figures, measured.pushPullStall, "node"),
      below: 25,
    },
    { what: measured.memory, unit: " bytes", measured: medianOf(figures, measured.memory, "node"), atMost: 600 },
    { what: `${idleFigure(1000)}, against Go`, unit: "x", measured: ratio(idleFigure(1000)), atMost: 1 },
  ];
}

/** How node stands to Go in all that both have figures of. */
function ratiosOf(figures: readonly Figure[]): Ratio[] {
  return figures
    .map(({ what }) => ({ what, ratio: medianOf(figures, what, "node") / medianOf(figures, what, "go") }))
    .filter(({ ratio }) => Number.isFinite(ratio) && ratio > 0);
}

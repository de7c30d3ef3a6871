import type { Command } from "commander";
import { wholeNumber } from "../../../simulator/src/cli/numbers.ts";
import { outputFolder } from "../../../simulator/src/cli/output-path.ts";
import { Progress } from "../../../simulator/src/cli/progress.ts";
import { writeReport } from "../../../simulator/src/cli/report.ts";
import { UsageError } from "../../../simulator/src/cli/usage-error.ts";
import { Figures, figureTable, medianOf, worstOf, type Figure } from "../protocol/figure.ts";
import { targetTable, type Target } from "../target.ts";
import { ackFigures, acks } from "./acks.ts";
import { blocked, blockedFigures } from "./blocked.ts";
import { cost, costFigures } from "./cost.ts";
import type { ThreadExperiment } from "./experiments.ts";

interface Flags {
  readonly quick?: true;
  readonly rounds: number;
  readonly json?: true;
  readonly out: string;
  readonly only?: string;
}

const experiments: readonly ThreadExperiment[] = [blocked, acks, cost];
/** With LAN defaults and four others, in s: a round of probes and the last one's time, and the longest suspicion. */
const detectionMax = 5 + 24;

/** `pnpm bench thread`. */
export function addThread(program: Command): void {
  program
    .command("thread")
    .description(
      "a member in a thread of its own beside one on the event loop: a blocked application, late acks, and what it costs",
    )
    .option("--quick", "one short round, without long blocks")
    .option("--rounds <n>", "interleaved rounds", wholeNumber(1), 5)
    .option("--only <names>", `of ${experiments.map(({ name }) => name).join(", ")}; separated by commas`)
    .option("--json", "print all samples as JSON instead of the tables")
    .option("--out <folder>", "where the JSON goes", outputFolder, "bench-results")
    .action(thread);
}

async function thread({ quick, rounds, json, out, only }: Flags): Promise<void> {
  const names = only?.split(",") ?? experiments.map(({ name }) => name);
  const unknown = names.filter((name) => !experiments.some((one) => one.name === name));
  if (unknown.length > 0) {
    const known = experiments.map(({ name }) => name).join(", ");
    throw new UsageError(`--only: there is no ${unknown.join(", ") || "empty name"}; there are ${known}`);
  }
  const isQuick = quick === true;
  const wanted = experiments.filter(({ name }) => names.includes(name));
  const size = { isQuick, rounds: isQuick ? 1 : rounds };
  const progress = new Progress(
    "bench thread",
    wanted.reduce((sum, one) => sum + one.steps(size), 0),
  );
  const figures = new Figures();
  for (const one of wanted) await one.run({ ...size, figures, step: () => progress.step() });
  const found = figures.list();
  const targets = targetsOf(found);
  const data = { rounds: size.rounds, targets, figures: found };
  const compared = figureTable(found, [
    ["thread", "thread"],
    ["loop", "event loop"],
  ]);
  process.stdout.write(json === true ? `${JSON.stringify(data, null, 2)}\n` : `${compared}\n\n${targetTable(targets)}\n`);
  const files = await writeReport(out, "thread", data, {});
  process.stderr.write(`written: ${files.join(", ")}\n`);
}

function targetsOf(figures: readonly Figure[]): Target[] {
  const median = (what: string): number => medianOf(figures, what, "thread");
  const { back, dead, deaths, suspicions } = blockedFigures;
  const firstDead = Math.min(...(figures.find(({ what }) => what === dead)?.samples["thread"] ?? []));
  return [
    { what: suspicions, unit: "", measured: median(suspicions), atMost: 0 },
    { what: deaths, unit: "", measured: median(deaths), atMost: 0 },
    { what: `${dead}, the first to find it`, unit: " s", measured: firstDead, atLeast: 30 },
    { what: `${dead}, the last to find it`, unit: " s", measured: worstOf(figures, dead, "thread"), atMost: 30 + detectionMax },
    { what: back, unit: " s", measured: median(back), atMost: 30 },
    { what: ackFigures.blocked, unit: " ms", measured: median(ackFigures.blocked), below: 10 },
    { what: ackFigures.pushPulls, unit: " ms", measured: median(ackFigures.pushPulls), below: 25 },
    ...costFigures.rates.map((what) => ({
      what: `${what}, against the event loop`,
      unit: "x",
      measured: median(what) / medianOf(figures, what, "loop"),
      atLeast: 0.8,
    })),
    { what: costFigures.notified, unit: " ms", measured: median(costFigures.notified), below: 5 },
  ];
}

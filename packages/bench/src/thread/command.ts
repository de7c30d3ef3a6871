import type { Command } from "commander";
import { Progress } from "../../../simulator/src/cli/progress.ts";
import { addFigureOptions, chosen, reportFigures, type FigureFlags } from "../figure-command.ts";
import { Figures, medianOf, worstOf, type Figure } from "../figure.ts";
import type { Target } from "../target.ts";
import { ackFigures, acks } from "./acks.ts";
import { blocked, blockedFigures } from "./blocked.ts";
import { cost, costFigures } from "./cost.ts";
import { modes, type ThreadExperiment } from "./experiments.ts";

const experiments: readonly ThreadExperiment[] = [blocked, acks, cost];
/** With LAN defaults and four others, in s: a round of probes and the last one's time, and the longest suspicion. */
const detectionMax = 5 + 24;

/** `pnpm bench thread`. */
export function addThread(program: Command): void {
  const command = program
    .command("thread")
    .description(
      "a member in a thread of its own beside one on the event loop: a blocked application, late acks, and what it costs",
    );
  addFigureOptions(command, experiments, "one short round, without long blocks", "the samples").action(thread);
}

async function thread(flags: FigureFlags): Promise<void> {
  const isQuick = flags.quick === true;
  const wanted = chosen(experiments, flags.only);
  const size = { isQuick, rounds: isQuick ? 1 : flags.rounds };
  const progress = new Progress(
    "bench thread",
    wanted.reduce((sum, one) => sum + one.steps(size), 0),
  );
  const found = new Figures();
  for (const one of wanted) await one.run({ ...size, figures: found, step: () => progress.step() });
  const figures = found.list();
  await reportFigures(flags, {
    name: "thread",
    rounds: size.rounds,
    figures,
    targets: targetsOf(figures),
    kinds: [
      ["thread", "thread"],
      ["loop", "event loop"],
    ],
    charts: {},
  });
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
    { what: "messages lost, the worst round of both", unit: " %", measured: worstLoss(figures), atMost: 0 },
    { what: costFigures.notified, unit: " ms", measured: median(costFigures.notified), below: 5 },
  ];
}

function worstLoss(figures: readonly Figure[]): number {
  const worst = costFigures.lost.flatMap((what) => modes.map((mode) => worstOf(figures, what, mode)));
  return Math.max(...worst.filter((one) => !Number.isNaN(one)));
}

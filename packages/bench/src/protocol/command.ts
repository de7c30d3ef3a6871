import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { Progress } from "../../../simulator/src/cli/progress.ts";
import { addFigureOptions, chosen, reportFigures, type FigureFlags } from "../figure-command.ts";
import { Figures, medianOf, worstOf, type Figure } from "../figure.ts";
import { buildGoNode } from "../go-node.ts";
import { buildRustNode } from "../rust-node.ts";
import type { Target } from "../target.ts";
import { ackLatency, ackLatencyFigures } from "./ack-latency.ts";
import { detection } from "./detection.ts";
import {
  clusterSize,
  extraMembers,
  joinStorm,
  measured,
  memoryPerMember,
  pushPull,
  timings,
  type Experiment,
} from "./experiments.ts";
import { idleCpu, idleFigure, idleSizes } from "./idle.ts";
import { largeCluster } from "./large-cluster.ts";
import type { Command as Program, Kind, Programs } from "./member.ts";
import { openPeers } from "./open-peers.ts";
import type { Peers } from "./peers.ts";
import { ratioChart, type Ratio } from "./ratio-chart.ts";

const experiments: readonly Experiment[] = [
  pushPull,
  joinStorm,
  memoryPerMember,
  timings,
  ackLatency,
  idleCpu,
  largeCluster,
  detection,
];
/** Figures whose medians have a limit of their own, in ms. */
const limits: ReadonlyMap<string, Pick<Target, "atMost" | "below">> = new Map([
  [measured.joinStall, { below: 15 }],
  [measured.stormStall, { below: 15 }],
  [ackLatencyFigures.ackAtRest, { atMost: 2 }],
]);
/** How Node may stand to Go, where that is not 1 at most. */
const ratiosAllowed: ReadonlyMap<string, number> = new Map([
  [measured.stormCpu, 1.2],
  [ackLatencyFigures.time, 0.8],
]);

/** `pnpm bench protocol`. */
export function addProtocol(program: Command): void {
  const command = program
    .command("protocol")
    .description(
      "what the protocol costs on Node, beside the Go library and the Rust crate: push/pull and memory of 10,000 members, idle nodes, late acks, ...",
    );
  addFigureOptions(
    command,
    experiments,
    "one round, without idle nodes, deaths and the large cluster",
    "the samples and the chart",
  ).action(protocol);
}

async function protocol(flags: FigureFlags): Promise<void> {
  const { only, quick } = flags;
  const isShort = (one: Experiment): boolean => one !== idleCpu && one !== largeCluster && one !== detection;
  const wanted = chosen(experiments, only).filter((one) => quick !== true || only !== undefined || isShort(one));
  const rounds = quick === true ? 1 : flags.rounds;
  const programs = await findPrograms();
  const kinds = [...programs.keys()];
  const kindsOf = (one: Experiment): Kind[] => kinds.filter((kind) => kind !== "rust" || one.excludesRust !== true);
  const total = wanted.reduce((sum, one) => sum + one.steps(rounds, kindsOf(one).length), 0);
  const progress = new Progress("bench protocol", total);
  const found = new Figures();
  const peers = new Map<Kind, Peers>();
  try {
    for (const kind of kinds) peers.set(kind, await openPeers(programs, kind, clusterSize + extraMembers));
    const peersOf = (kind: Kind): Peers => peers.get(kind) as Peers;
    for (const one of wanted) {
      await one.run({ programs, kinds: kindsOf(one), rounds, figures: found, peersOf, step: () => progress.step() });
    }
  } finally {
    await Promise.all([...peers.values()].map((one) => one.close()));
  }
  const figures = found.list();
  await reportFigures(flags, {
    name: "protocol",
    rounds,
    figures,
    targets: targetsOf(figures),
    kinds: [["node", "node"], ["go", "Go"], ...(programs.has("rust") ? [["rust", "Rust"] as const] : [])],
    charts: { protocol: ratioChart(ratiosOf(figures)) },
  });
}

async function findPrograms(): Promise<Programs> {
  const programs = new Map<Kind, Program>();
  const program = fileURLToPath(new URL("member-program.mjs", import.meta.url));
  programs.set("node", [process.execPath, "--expose-gc", program]);
  const go = await buildGoNode();
  if (go !== undefined) programs.set("go", [go, "member"]);
  const rust = await buildRustNode((line) => void process.stderr.write(`${line}\n`));
  if (rust !== undefined) programs.set("rust", [rust, "1", "member"]);
  return programs;
}

function targetsOf(figures: readonly Figure[]): Target[] {
  const { joinTime, memory, pushPullStall } = measured;
  const againstRust = (what: string): number => medianOf(figures, what, "node") / medianOf(figures, what, "rust");
  return [
    { what: `${pushPullStall}, the worst round`, unit: " ms", measured: worstOf(figures, pushPullStall, "node"), below: 25 },
    ...[...limits].map(([what, limit]) => ({ what, unit: " ms", measured: medianOf(figures, what, "node"), ...limit })),
    ...ratiosOf(figures)
      .filter(({ what }) => what !== pushPullStall && !limits.has(what))
      .map(({ what, ratio }) => ({
        what: `${what}, against Go`,
        unit: "x",
        measured: ratio,
        atMost: ratiosAllowed.get(what) ?? 1,
      })),
    { what: `${joinTime}, against Rust`, unit: "x", measured: againstRust(joinTime), atMost: 3 },
    { what: `${memory}, against Rust`, unit: "x", measured: againstRust(memory), below: 1 },
    ...idleSizes.map((size) => ({
      what: `${idleFigure(size)}, against Rust`,
      unit: "x",
      measured: againstRust(idleFigure(size)),
      atMost: 1.5,
    })),
  ];
}

/** How node stands to Go in all that both have figures of. */
function ratiosOf(figures: readonly Figure[]): Ratio[] {
  return figures
    .map(({ what }) => ({ what, ratio: medianOf(figures, what, "node") / medianOf(figures, what, "go") }))
    .filter(({ ratio }) => Number.isFinite(ratio) && ratio > 0);
}

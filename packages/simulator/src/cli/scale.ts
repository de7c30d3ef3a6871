import { lanConfig } from "@memberlist/core";
import { Option, type Command } from "commander";
import type { TopLevelSpec } from "vega-lite";
import { at, fit, formula, type Form, type Growth, type Point } from "../scale/growth.ts";
import type { ColdStart, Steady } from "../scale/scale-run.ts";
import { wholeNumber } from "./numbers.ts";
import { outputFile, outputFolder } from "./output-path.ts";
import { Progress } from "./progress.ts";
import { writeReport } from "./report.ts";
import { RunLog } from "./run-log.ts";
import { figure, table } from "./table.ts";
import { work } from "./workers.ts";

interface ScaleFlags {
  readonly max: number;
  readonly full?: boolean;
  readonly quick?: boolean;
  readonly seed: number;
  readonly jobs?: number;
  readonly log?: string;
  readonly out: string;
}

const sizes = [10, 30, 100, 300, 1_000, 2_000, 5_000] as const;
/** Each node hears of each other one some dozens of times: twice the nodes, four times the work and more. */
const largestColdStart = 1_000;
/** The sizes to which the growth is extrapolated. */
const readOut = [10_000, 100_000] as const;

/** `scale`: what a cluster costs, by its size. */
export function addScale(program: Command): void {
  program
    .command("scale")
    .description(
      "10 to 5,000 nodes: a cold start, load when idle and under churn, detection, memory; how each grows, read out to 100,000",
    )
    .option(
      "--max <n>",
      `no larger cluster is played, of ${sizes.map((nodes) => nodes.toLocaleString("en")).join(", ")} nodes`,
      wholeNumber(10),
      5_000,
    )
    .addOption(new Option("--quick", "to 300 nodes").conflicts("full"))
    .option("--full", `cold starts of more than ${largestColdStart} nodes, too: that takes an hour, and 12 GiB`)
    .option("--seed <n>", "the same seed, the same runs", wholeNumber(0), 1)
    .option("--jobs <n>", "processes (default: one for each core)", wholeNumber(1))
    .option("--log <file>", "adds each run's outcome to it; those that it has already are not played again", outputFile)
    .option("--out <folder>", "where the JSON and the charts go", outputFolder, "sim-results")
    .action(scale);
}

async function scale({ max, full, quick, seed, jobs, log, out }: ScaleFlags): Promise<void> {
  const limit = quick === true ? 300 : max;
  const wanted = sizes.filter((nodes) => nodes <= limit);
  const coldSizes = wanted.filter((nodes) => full === true || nodes <= largestColdStart);
  const progress = new Progress("scale", wanted.length + coldSizes.length);
  const runs = new RunLog<{ readonly task: string; readonly nodes: number; readonly seed: number }, unknown>(log);
  const play = async <R extends { readonly nodes: number }>(
    task: "scaleColdStart" | "scaleSteady",
    clusters: readonly number[],
  ): Promise<R[]> => {
    const missing = clusters.filter((nodes) => runs.get({ task, nodes, seed }) === undefined);
    for (let i = missing.length; i < clusters.length; i++) progress.step();
    await work(
      task,
      missing.map((nodes) => ({ nodes, seed: `${seed}/${nodes}` })),
      {
        jobs,
        fresh: true,
        onResult: (outcome) => {
          runs.add({ task, nodes: outcome.nodes, seed }, outcome);
          progress.step();
        },
      },
    );
    return clusters.map((nodes) => runs.get({ task, nodes, seed }) as R);
  };
  const steady = await play<Steady>("scaleSteady", wanted);
  const cold = await play<ColdStart>("scaleColdStart", coldSizes);
  report(cold, steady);
  const growth = growths(cold, steady);
  if (growth.length > 0) process.stdout.write(`${growthTable(growth)}\n`);
  const largest = wanted.at(-1) ?? 0;
  if (largest < 1_000)
    process.stdout.write(`clusters of at most ${largest} nodes were played: what is read out from them is rough\n`);
  const files = await writeReport(
    out,
    "scale",
    { seed, cold, steady, growth },
    growth.length === 0 ? {} : { scale: chart(growth) },
  );
  process.stdout.write(`written: ${files.join(", ")}\n`);
}

function report(cold: readonly ColdStart[], steady: readonly Steady[]): void {
  const coldRows = cold.map(({ nodes, converged, packets, wallSeconds, rssMiB }) => [
    String(nodes),
    figure(converged / 1000, 1),
    figure(packets, 0),
    figure(wallSeconds, 1),
    figure(rssMiB, 0),
  ]);
  const steadyRows = steady.map(
    ({ nodes, idle, churn, firstDetection, fullDetection, crashes, bytesPerNode, wallSeconds, rssMiB }) => [
      String(nodes),
      ...[idle, churn].flatMap(({ packets, packetBytes, streamBytes }) => [
        figure(packets, 2),
        figure(packetBytes, 0),
        figure(streamBytes, 0),
      ]),
      `${figure(firstDetection / 1000, 1)} / ${figure(fullDetection / 1000, 1)} (${crashes})`,
      figure(bytesPerNode / 1024, 0),
      figure(wallSeconds, 1),
      figure(rssMiB, 0),
    ],
  );
  process.stdout.write(
    `from a cold start\n${table(["nodes", "all agree, s", "packets of each", "wall, s", "MiB"], coldRows)}\n\nof each node and second\n`,
  );
  const head = ["nodes", "idle: packets", "bytes", "by stream", "churn: packets", "bytes", "by stream"];
  process.stdout.write(
    `${table([...head, "detection, s: first / all (crashes)", "KiB of each", "wall, s", "MiB"], steadyRows)}\n\n`,
  );
}

/** A figure, how it is taken to grow, and from which size on. */
interface Grown {
  readonly what: string;
  readonly points: readonly Point[];
  readonly growth: Growth;
  /** It cannot be more. */
  readonly most: number;
}

/** Pings and acks, and what gossip sends at most: `gossipNodes` packets every `gossipInterval`. A node and second. */
const mostPackets = 2 + (lanConfig().gossipNodes * 1000) / lanConfig().gossipInterval;
/** Figures grow in proportion to the updates only below this share of their maximum. */
const nearlyMost = 0.75;

function growths(cold: readonly ColdStart[], steady: readonly Steady[]): Grown[] {
  const grown = <T extends { readonly nodes: number }>(
    what: string,
    form: Form,
    of: readonly T[],
    value: (one: T) => number,
    from = 10,
    most = Infinity,
  ): Grown => {
    const points = of.map((one): Point => [one.nodes, value(one)]).filter(([, y]) => y > 0 && Number.isFinite(y));
    const fitted = points.filter(([n, y]) => n >= from && y < nearlyMost * most);
    return { what, points, growth: fit(form, fitted.length > 1 ? fitted : points), most };
  };
  const all = [
    grown("cold start: all agree, s", "power", cold, ({ converged }) => converged / 1000, 100),
    grown("cold start: packets of each node", "power", cold, ({ packets }) => packets, 100),
    grown("idle: packets a node and second", "log", steady, ({ idle }) => idle.packets),
    grown(
      "idle: bytes a node and second, streams included",
      "power",
      steady,
      ({ idle }) => idle.packetBytes + idle.streamBytes,
      300,
    ),
    grown("churn: packets a node and second", "linear", steady, ({ churn }) => churn.packets, 100, mostPackets),
    grown(
      "churn: bytes a node and second, streams included",
      "power",
      steady,
      ({ churn }) => churn.packetBytes + churn.streamBytes,
      300,
    ),
    grown("first detection, s", "log", steady, ({ firstDetection }) => firstDetection / 1000),
    grown("all have detected it, s", "log", steady, ({ fullDetection }) => fullDetection / 1000),
    grown("memory of a node, KiB", "linear", steady, ({ bytesPerNode }) => bytesPerNode / 1024, 100),
  ];
  // Any two points lie on a curve.
  return all.filter(({ points }) => points.length > 2);
}

function growthTable(grown: readonly Grown[]): string {
  const rows = grown.map(({ what, growth, most }) => [
    what,
    Number.isFinite(most) ? `${formula(growth)}, up to ${most}` : formula(growth),
    figure(growth.r2, 3),
    ...readOut.map((n) => (at(growth, n) > 0 ? String(Number(Math.min(at(growth, n), most).toPrecision(3))) : "-")),
  ]);
  return table(["figure", "grows as", "R²", ...readOut.map((n) => `at ${n}`)], rows);
}

const decades: number[] = [10, 100, 1_000, 10_000, 100_000];

function chart(grown: readonly Grown[]): TopLevelSpec {
  return {
    title: {
      text: "How each figure grows with the number of nodes",
      subtitle: "points: measured; dashed: what is fitted to them, read out to 100,000 nodes",
    },
    columns: 3,
    concat: grown.map(({ what, points, growth, most }) => {
      const [first = 10] = points.map(([n]) => n);
      const line = Array.from({ length: 41 }, (_, i) => first * (readOut[1] / first) ** (i / 40)).map((n) => ({
        nodes: n,
        value: Math.min(at(growth, n), most),
      }));
      const x = {
        field: "nodes",
        type: "quantitative",
        scale: { type: "log" },
        axis: { values: decades, format: ",d", labelOverlap: false, labelFlush: false },
      } as const;
      const y = {
        field: "value",
        type: "quantitative",
        title: null,
        scale: { type: growth.form === "log" ? "linear" : "log" },
        axis: { tickCount: 6 },
      } as const;
      return {
        // Above it: beside it the longer ones would not fit.
        title: { text: what, fontSize: 11 },
        width: 300,
        height: 200,
        layer: [
          {
            data: { values: line.filter(({ value }) => value > 0) },
            mark: { type: "line", strokeDash: [4, 3], color: "#999" },
            encoding: { x, y },
          },
          {
            data: { values: points.map(([nodes, value]) => ({ nodes, value })) },
            mark: { type: "point", filled: true, size: 50 },
            encoding: { x, y },
          },
        ],
      };
    }),
  };
}

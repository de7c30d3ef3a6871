import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { writeReport } from "../../../simulator/src/cli/report.ts";
import { table } from "../../../simulator/src/cli/table.ts";
import type { Case } from "../throughput/cases.ts";
import { findSetting, type Durations } from "../throughput/measure.ts";
import { Pair } from "../throughput/pair.ts";
import type { Runtime } from "../throughput/runtimes.ts";
import { bundleNaming, framesOf, heaviest, workAtTheEnd, type CpuProfile, type SelfTime } from "./cpu-profile.ts";
import { flameGraph } from "./flame-graph.ts";

type Charts = Parameters<typeof writeReport>[3];

const duration = 3_000;
/** What is narrower in a flame graph cannot be seen. */
const leastShare = 0.001;
const functionsShown = 14;

/** What a profiled run brought. */
export interface Profiled {
  /** Where the time goes, in text. */
  readonly text: string;
  readonly charts: Charts;
  /** The `.cpuprofile` files. */
  readonly files: readonly string[];
  /** The same as the text, as data. */
  readonly summary: Readonly<Record<string, readonly SelfTime[]>>;
}

/** Sends for some seconds as fast as it goes, both processes under Node's sampling profiler, which writes into `folder`. */
export async function profile(runtime: Runtime, which: Case, durations: Durations, folder: string): Promise<Profiled> {
  const setting = await findSetting(runtime, which, durations);
  const name = (role: string): string => `profile-${which.size}-${which.payload}-${which.mode}-${role}`;
  const pair = await Pair.start(runtime, which, (role) => [
    "--cpu-prof",
    `--cpu-prof-dir=${folder}`,
    `--cpu-prof-name=${name(role)}.cpuprofile`,
  ]);
  let rate: number;
  try {
    ({ rate } = await pair.send(setting, duration));
  } finally {
    await pair.end();
  }
  const naming = bundleNaming(await readFile(programOf(runtime), "utf8"));
  const charts: Record<string, Charts[string]> = {};
  const parts: string[] = [];
  const files: string[] = [];
  const summary: Record<string, readonly SelfTime[]> = {};
  for (const role of ["sender", "receiver"]) {
    const file = join(folder, `${name(role)}.cpuprofile`);
    const found = workAtTheEnd(JSON.parse(await readFile(file, "utf8")) as CpuProfile, duration * 1000);
    const title = `${which.size} bytes, ${which.payload}, ${which.mode}: what the ${role} does, at ${Math.round(rate)} messages/s`;
    charts[name(role)] = flameGraph(title, framesOf(found, naming, leastShare));
    const heavy = heaviest(found, naming, functionsShown);
    summary[role] = heavy;
    const rows = heavy.map((one) => [`${(100 * one.share).toFixed(1)} %`, one.name]);
    parts.push(`${title}\n\n${table(["itself", "function"], rows)}`);
    files.push(file);
  }
  return { text: parts.join("\n\n"), charts, files, summary };
}

function programOf({ command }: Runtime): string {
  const program = command.find((part) => part.endsWith(".mjs"));
  if (program === undefined) throw new RangeError(`${command[0]} is started without a program of ours`);
  return program;
}

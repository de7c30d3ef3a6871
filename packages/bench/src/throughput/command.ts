import type { Command } from "commander";
import { wholeNumber } from "../../../simulator/src/cli/numbers.ts";
import { makeFolder, outputFolder } from "../../../simulator/src/cli/output-path.ts";
import { Progress } from "../../../simulator/src/cli/progress.ts";
import { writeReport } from "../../../simulator/src/cli/report.ts";
import { UsageError } from "../../../simulator/src/cli/usage-error.ts";
import { profile } from "../profile/profile.ts";
import { targetTable } from "../target.ts";
import { allCases, canSend, isUsual, payloadKinds, type Case } from "./cases.ts";
import { rateChart } from "./chart.ts";
import { findSetting, measure, type Durations, type Sample } from "./measure.ts";
import { rateTable, rateTargets } from "./report.ts";
import type { Row } from "./rows.ts";
import { isBare, runtimes, type Runtime } from "./runtimes.ts";
import type { Setting } from "./window-search.ts";

interface Flags {
  readonly quick?: true;
  readonly all?: true;
  readonly profile?: true;
  readonly rounds: number;
  readonly json?: true;
  readonly out: string;
  readonly only?: string;
  readonly payloads: string;
}

interface Entry {
  readonly runtime: Runtime;
  readonly which: Case;
  readonly samples: Sample[];
}

const durations: Durations = { warmup: 350, full: 500, eased: 200, attempt: 100 };
const quickDurations: Durations = { warmup: 100, full: 200, eased: 100, attempt: 60 };

/** `pnpm bench` without a subcommand. */
export function addThroughput(program: Command): void {
  program
    .option("--quick", "one short round at the 1,400-byte buffer, for CI")
    .option("--all", "every payload, mode and size on every runtime")
    .option(
      "--profile",
      "instead of all that, where the time goes on Node: CPU profiles and flame graphs (default: ^1400/gossip/)",
    )
    .option("--rounds <n>", "interleaved rounds", wholeNumber(1), 5)
    .option("--payloads <kinds>", "only these", payloadKinds.join(","))
    .option(
      "--only <regexp>",
      "of size/payload/mode/runtime, such as ^1400/gossip/both/; what else `--all` has is then measured, too",
    )
    .option("--json", "print all samples as JSON instead of the tables")
    .option("--out <folder>", "where the JSON and the chart go", outputFolder, "bench-results")
    .action(throughput);
}

async function throughput(flags: Flags): Promise<void> {
  if (flags.profile === true) return profiles(flags);
  const { quick, rounds, json, out } = flags;
  const entries = entriesOf(await runtimes(print), flags);
  const roundCount = quick === true ? 1 : rounds;
  const lasting = quick === true ? quickDurations : durations;
  const settings = new Map<string, Setting>();
  const progress = new Progress("bench", entries.length * roundCount + new Set(entries.map(settingKey)).size);
  for (const entry of entries) {
    const key = settingKey(entry);
    if (settings.has(key)) continue;
    settings.set(key, await findSetting(entry.runtime, entry.which, lasting));
    progress.step();
  }
  const settingOf = (entry: Entry): Setting => settings.get(settingKey(entry)) as Setting;
  for (let round = 0; round < roundCount; round++) {
    for (const entry of entries) {
      entry.samples.push(await measure(entry.runtime, entry.which, settingOf(entry), lasting));
      progress.step();
    }
  }
  const rows = entries.map((entry): Row => ({
    ...entry.which,
    runtime: entry.runtime.name,
    setting: settingOf(entry),
    samples: entry.samples,
  }));
  const targets = rateTargets(rows);
  const data = { rounds: roundCount, durations: lasting, targets, rows };
  if (json === true) process.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
  else process.stdout.write(`${rateTable(rows)}\n\n${targetTable(targets)}\n`);
  const files = await writeReport(out, "throughput", data, rateChart(rows));
  process.stderr.write(`written: ${files.join(", ")}\n`);
}

/** `--profile` */
async function profiles(flags: Flags): Promise<void> {
  const nodeOnly = (await runtimes(print)).filter(({ name }) => name === "node");
  makeFolder(flags.out);
  const progress = new Progress("bench --profile", entriesOf(nodeOnly, flags).length);
  for (const { runtime, which } of entriesOf(nodeOnly, flags)) {
    const { text, charts, files, summary } = await profile(runtime, which, quickDurations, flags.out);
    progress.step();
    process.stdout.write(`${text}\n\n`);
    const written = await writeReport(flags.out, `profile-${which.size}-${which.payload}-${which.mode}`, summary, charts);
    process.stderr.write(`written: ${[...files, ...written].join(", ")}\n`);
  }
}

function entriesOf(found: readonly Runtime[], { quick, all, profile: isProfile, only, payloads }: Flags): Entry[] {
  const wanted = regExp(only ?? (quick === true || isProfile === true ? "^1400/gossip/" : ""));
  const kinds = payloads.split(",");
  const unknown = kinds.filter((kind) => !payloadKinds.some((known) => known === kind));
  if (unknown.length > 0) throw new UsageError(`--payloads: unknown ${unknown.join(", ")}; use ${payloadKinds.join(", ")}`);
  const entries = allCases()
    .filter(({ payload }) => kinds.includes(payload))
    .flatMap((which) => found.map((runtime): Entry => ({ runtime, which, samples: [] })))
    .filter(({ runtime, which }) => !isBare(runtime.name) || (which.mode === "plain" && which.payload === "gossip"))
    .filter(({ runtime, which }) => canSend(which, runtime.name))
    .filter(({ runtime, which }) => all === true || only !== undefined || isUsual(which, runtime.name))
    .filter(({ runtime, which }) => wanted.test(`${which.size}/${which.payload}/${which.mode}/${runtime.name}`));
  if (entries.length === 0) throw new UsageError("--only and --payloads leave nothing to measure");
  return entries;
}

function regExp(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--only: ${(error as Error).message}`);
  }
}

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** What a message says changes nothing about how many may be on their way: one search serves all payloads. */
function settingKey({ runtime, which }: Entry): string {
  return `${runtime.name}/${which.size}/${which.mode}`;
}

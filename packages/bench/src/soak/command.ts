import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { wholeNumber } from "../../../simulator/src/cli/numbers.ts";
import { makeFolder, outputFolder } from "../../../simulator/src/cli/output-path.ts";
import { SoakCluster } from "./cluster.ts";
import { growthMax, judge, warmUpOf, type HeapSample } from "./heap-growth.ts";
import { heapClasses, heapGrowth, joinedClasses, type ClassGrowth, type HeapClass } from "./heap-snapshot.ts";
import { cells, growthTable, sampleHeader, sampleRow, verdictLines } from "./report.ts";
import type { SoakMark } from "./soak-task.ts";

interface Flags {
  readonly minutes: number;
  readonly rate: number;
  readonly out: string;
  readonly optimize?: true;
}

const members = 4;
/** In ms. */
const sampleInterval = 30_000;
/** Of short runs: fewer samples show no line. */
const samplesAfterWarmUp = 6;

/** `pnpm soak`. */
export function addSoak(program: Command): void {
  program
    .command("soak")
    .description(
      `four encrypted members, a process each, under steady load (broadcasts, reliable messages, metadata, push/pulls): their heaps may ` +
        `grow by less than ${growthMax} MB in ten minutes after the first twenty (or two thirds of a shorter run). ` +
        `Exit code 1 if they grow by more; what grew is named from two heap snapshots`,
    )
    .option("--minutes <n>", "how long", wholeNumber(1), 30)
    .option("--rate <n>", "broadcasts a second of each member", wholeNumber(1), 50)
    .option(
      "--optimize",
      "let V8 optimize code; what it keeps for that grows for hours, so that the verdict may be that the heaps grow",
    )
    .option("--out <folder>", "where the heap snapshots go (about 20 MB each, eight of them)", outputFolder, "bench-results/soak")
    .action(soak);
}

async function soak(flags: Flags): Promise<void> {
  const { rate, out, optimize = false } = flags;
  makeFolder(out);
  const stop = new AbortController();
  const interrupted = (): void => stop.abort();
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  const cluster = await SoakCluster.start({
    program: fileURLToPath(new URL("soak-program.mjs", import.meta.url)),
    count: members,
    rate,
    optimize,
  });
  try {
    const passed = await run(cluster, flags, stop.signal);
    if (!passed) process.exitCode = 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write("interrupted: no verdict\n");
    process.exitCode = 130;
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await cluster.end();
  }
}

async function run(cluster: SoakCluster, { minutes, out }: Flags, signal: AbortSignal): Promise<boolean> {
  const start = performance.now();
  const warmUp = warmUpOf(minutes);
  const interval = Math.min(sampleInterval, ((minutes - warmUp) * 60_000) / samplesAfterWarmUp);
  const samples: HeapSample[][] = Array.from({ length: members }, () => []);
  let marks: SoakMark[] = [];
  let early: string[] = [];
  process.stdout.write(`${cells(sampleHeader(members))}\n`);
  const warmRounds = Math.ceil((warmUp * 60_000) / interval);
  for (let round = 1; round <= warmRounds + samplesAfter(minutes - warmUp, interval); round++) {
    // From one sample to the next: what the snapshots take comes on top.
    await sleep(interval, undefined, { signal });
    marks = await cluster.measure();
    const minute = (performance.now() - start) / 60_000;
    if (round > warmRounds) for (const [index, { heap }] of marks.entries()) samples[index]?.push({ minute, heap });
    process.stdout.write(`${cells(sampleRow(minute, marks))}\n`);
    if (round === warmRounds) early = await cluster.snapshot((member) => join(out, `member-${member}-early.heapsnapshot`));
  }
  const late = await cluster.snapshot((member) => join(out, `member-${member}-late.heapsnapshot`));
  const verdicts = samples.map(judge);
  const grown = heapGrowth(await classesOf(early), await classesOf(late));
  process.stdout.write(`\n${growthTable(perMember(grown))}\n\n${verdictLines(verdicts, marks, members).join("\n")}\n`);
  return verdicts.every(({ passed }) => passed) && marks.every((mark) => mark.members === members);
}

function samplesAfter(minutes: number, interval: number): number {
  return Math.round((minutes * 60_000) / interval);
}

async function classesOf(files: readonly string[]): Promise<Map<string, HeapClass>> {
  const all: Map<string, HeapClass>[] = [];
  // One at a time: each is tens of megabytes of text.
  for (const file of files) all.push(heapClasses(await readFile(file, "utf8")));
  return joinedClasses(all);
}

function perMember(grown: readonly ClassGrowth[]): ClassGrowth[] {
  return grown.map(({ name, count, size }) => ({ name, count: count / members, size: size / members }));
}

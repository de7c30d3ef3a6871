import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Stryker } from "@stryker-mutator/core";
import { areas, type Area } from "./areas.ts";
import { judge, type Explanation, type Report, type Verdict } from "./verdict.ts";

const usage = `usage: pnpm mutants [--concurrency N] [--force] [FILE ...]

FILE             a file of packages/memberlist/src, or a quoted pattern: engine/probe.ts, "wire/lzw*.ts"; default: all of
                 the engine, the wire and the config rules
--concurrency N  processes that run tests, 1 by default
--force          tries every mutant again, and not only those whose file or tests have changed
`;

/** Beside the packages: a sandbox at this depth finds the settings that the package's own refer to. Git ignores it. */
const folder = "../../.stryker";

interface Options {
  readonly concurrency: number;
  readonly force: boolean;
  readonly patterns: readonly string[];
}

/** Runs the command from the folder of the package. Returns the exit code: 1 when a survivor is not explained, 2 for wrong arguments. */
export async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parse(args);
  } catch (error) {
    process.stderr.write(`mutants: ${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return 2;
  }
  const explanations = JSON.parse(readFileSync("mutants/survivors.json", "utf8")) as Explanation[];
  let failed = false;
  for (const area of areas) {
    const files = options.patterns.length === 0 ? area.files : options.patterns.filter((pattern) => isOf(area, pattern));
    if (files.length === 0) continue;
    const verdict = judge(await mutate(area, files, options), explanations);
    if (!tell(area, verdict)) failed = true;
  }
  return failed ? 1 : 0;
}

function parse(args: readonly string[]): Options {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { concurrency: { type: "string", default: "1" }, force: { type: "boolean", default: false } },
  });
  const concurrency = Number(values.concurrency);
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new RangeError("--concurrency must be 1 or more");
  const patterns = positionals.map((pattern) => pattern.replace(/^(packages\/memberlist\/)?src\//, ""));
  const strange = patterns.find((pattern) => !areas.some((area) => isOf(area, pattern)));
  if (strange !== undefined) throw new RangeError(`${strange} is not in the engine, the wire or the config rules`);
  return { concurrency, force: values.force, patterns };
}

/** By what a pattern starts with: a folder, or the start of a name. */
function isOf(area: Area, pattern: string): boolean {
  return area.files.some((own) => pattern.startsWith(own.replace(/\*.*$/, "")));
}

async function mutate(area: Area, files: readonly string[], { concurrency, force }: Options): Promise<Report> {
  const report = `${folder}/${area.name}.json`;
  const stryker = new Stryker({
    configFile: "mutants/stryker.config.mjs",
    mutate: files.map((file) => `src/${file}`),
    testFiles: testsOf(area),
    incrementalFile: `${folder}/${area.name}.incremental.json`,
    force,
    jsonReporter: { fileName: report },
    htmlReporter: { fileName: `${folder}/${area.name}.html` },
    tempDirName: folder,
    concurrency,
  });
  await stryker.runMutationTest();
  return JSON.parse(readFileSync(report, "utf8")) as Report;
}

function testsOf({ leftOut, startsWith, tests }: Area): string[] {
  return readdirSync(`test/${tests}`)
    .filter((name) => name.startsWith(startsWith) && name.endsWith(".test.ts") && !leftOut.includes(name))
    .map((name) => `test/${tests}/${name}`);
}

/** Prints what came out. @returns whether all is well */
function tell({ name, killedMin }: Area, { explained, killed, score, stale, unexplained }: Verdict): boolean {
  const total = killed + explained + unexplained.length;
  const lines = [`${name}: ${killed} of ${total} mutants killed (${score.toFixed(1)} %), ${explained} survivors explained`];
  for (const { at, becomes, file, line } of unexplained) lines.push(`  src/${file}:${at} survived: ${line}  =>  ${becomes}`);
  for (const { becomes, file, line } of stale)
    lines.push(`  explained, and yet no survivor: src/${file}: ${line}  =>  ${becomes.join("  or  ")}`);
  if (score < killedMin) lines.push(`  fewer than ${killedMin} % were killed`);
  if (unexplained.length > 0) lines.push("  Kill them by a test, or explain them in packages/memberlist/mutants/survivors.json.");
  process.stdout.write(`${lines.join("\n")}\n`);
  return unexplained.length === 0 && stale.length === 0 && score >= killedMin;
}

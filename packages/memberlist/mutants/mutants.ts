import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Stryker } from "@stryker-mutator/core";
import { areas, freshModules, type Area } from "./areas.ts";
import { judge, type Explanation, type Report, type Verdict } from "./verdict.ts";

const usage = `usage: pnpm mutants [--concurrency N] [--force] [FILE ...]

FILE             what the path of a file below packages/memberlist/src starts with: swim/probe.ts, wire/lzw, config; by
                 default all of the engine, the wire and the config rules
--concurrency N  processes that run tests, 1 by default
--force          tries every mutant again, and not only those whose file or tests have changed
`;

/** Beside the packages: a sandbox at this depth finds the settings that the package's own refer to. Git ignores it. */
const folder = "../../.stryker";

interface Options {
  readonly concurrency: number;
  readonly force: boolean;
  /** What to mutate, below `src`. */
  readonly files: readonly string[];
}

/** Runs the command from the folder of the package. Returns the exit code: 1 when a survivor is not explained, 2 for wrong arguments. */
async function main(args: readonly string[]): Promise<number> {
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
    const files = options.files.filter((file) => area.files.test(file));
    if (files.length === 0) continue;
    const verdict = judge(await mutate(area, files, options), explanations);
    if (!report(area, verdict)) failed = true;
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
  const all = list("src").filter((file) => areas.some((area) => area.files.test(file)));
  const patterns = positionals.map((pattern) => pattern.replace(/^(packages\/memberlist\/)?src\//, ""));
  const strange = patterns.find((pattern) => !all.some((file) => file.startsWith(pattern)));
  if (strange !== undefined) throw new RangeError(`${strange} is not in the engine, the wire or the config rules`);
  const files = patterns.length === 0 ? all : all.filter((file) => patterns.some((pattern) => file.startsWith(pattern)));
  return { concurrency, force: values.force, files };
}

/** All files below a folder of the package, by their paths in it. */
function list(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .toSorted();
}

async function mutate(area: Area, files: readonly string[], { concurrency, force }: Options): Promise<Report> {
  const report = `${folder}/${area.name}.json`;
  // Stryker passes no options of ours to the threads that run the tests, but they inherit the environment.
  process.env[freshModules] = String(area.keepsState);
  const stryker = new Stryker({
    configFile: "mutants/stryker.config.mjs",
    mutate: files.map((file) => `src/${file}`),
    testFiles: list("test")
      .filter((file) => area.tests.test(file))
      .map((file) => `test/${file}`),
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

/** Prints what came out. @returns whether all is well */
function report({ name, killedMin }: Area, { explained, killed, score, stale, unexplained }: Verdict): boolean {
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

process.exitCode = await main(process.argv.slice(2));

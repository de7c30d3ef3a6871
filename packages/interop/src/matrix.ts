/** `pnpm matrix`: every runtime with the Go peer and with every other runtime, through the same scenarios (matrix-scenarios.ts). */
import { parseArgs } from "node:util";
import { goAvailable } from "./go-toolchain.ts";
import { MatrixPrograms, type MatrixId } from "./matrix-member.ts";
import { MixedRun, mixedMembers, mixedScenarioNames } from "./matrix-mixed.ts";
import { PairRun, scenarioNames } from "./matrix-scenarios.ts";
import { runtimeIds } from "./runtimes.ts";
import { writeTestReport } from "./test-report.ts";

const usage = `usage: pnpm matrix [--runtimes go,node22,deno] [--jobs 2]

Runs ${scenarioNames.join(", ")} between each two of: go, ${runtimeIds.join(", ")}.
Then, where Go, a Node, Deno and Bun are among them, ${mixedScenarioNames.join(", ")} in one cluster of two of each.
Fetches by npm what is not there yet. A program of yours is taken instead when the environment names it: NODE22=…, DENO=…, BUN=….

  --runtimes <ids>  only the pairs of these (default: all)
  --jobs <n>        pairs at a time (default: 2)
  --help            this text
`;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface Options {
  readonly ids: readonly MatrixId[];
  readonly jobs: number;
}

function optionsOf(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== "--"),
    options: { runtimes: { type: "string" }, jobs: { type: "string", default: "2" }, help: { type: "boolean", default: false } },
  });
  if (values.help) return undefined;
  const known: readonly MatrixId[] = ["go", ...runtimeIds];
  const wanted = new Set(values.runtimes?.split(",").map((id) => id.trim()) ?? known);
  const unknown = [...wanted].filter((id) => !known.includes(id as MatrixId));
  if (unknown.length > 0) throw new RangeError(`unknown runtime ${unknown.join(", ")}: use ${known.join(", ")}`);
  if (wanted.size < 2) throw new RangeError("--runtimes needs two or more: each runs with each other");
  const jobs = Number(values.jobs);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 16) throw new RangeError("--jobs is a whole number from 1 to 16");
  return { ids: known.filter((id) => wanted.has(id)), jobs };
}

/** @returns how many scenarios did not pass */
async function run({ ids, jobs }: Options): Promise<number> {
  if (ids.includes("go") && !(await goAvailable())) throw new Error("Go is needed; leave it out by --runtimes");
  const programs = await MatrixPrograms.prepare(ids, say);
  const pairs = ids.flatMap((a, i) => ids.slice(i + 1).map((b) => [a, b] as const));
  const results = new Map<string, number>();
  const failures: Error[] = [];
  let next = 0;
  let mixed = 0;
  const work = async (): Promise<void> => {
    for (let pair = pairs[next++]; pair !== undefined; pair = pairs[next++]) {
      const start = performance.now();
      const { passed, failure } = await PairRun.run(programs, pair);
      results.set(pair.join(), passed.length);
      if (failure) failures.push(failure);
      const seconds = ((performance.now() - start) / 1_000).toFixed(1);
      say(`[${results.size}/${pairs.length}] ${pair.join(" with ")}: ${passed.length} of ${scenarioNames.length}, ${seconds} s`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const members = mixedMembers(ids);
  if (members !== undefined) {
    const { passed: held, failure } = await MixedRun.run(programs, members);
    mixed = held.length;
    if (failure) failures.push(failure);
    say(`[mixed] ${members.join(", ")} in one cluster: ${mixed} of ${mixedScenarioNames.length}`);
  }
  for (const failure of failures) say(`\n${failure.message}`);
  const total = pairs.length * scenarioNames.length + (members === undefined ? 0 : mixedScenarioNames.length);
  const passed = [...results.values()].reduce((sum, count) => sum + count, mixed);
  process.stdout.write(`\n${table(ids, results)}\n\nscenarios passed of ${total}: ${passed}\n`);
  writeTestReport(passed, total - passed);
  return total - passed;
}

function table(ids: readonly MatrixId[], results: ReadonlyMap<string, number>): string {
  const rows = [["", ...ids]];
  for (const row of ids) {
    const cell = (column: MatrixId): string => {
      const count = results.get([row, column].join()) ?? results.get([column, row].join());
      return count === undefined ? "-" : `${count}/${scenarioNames.length}`;
    };
    rows.push([row, ...ids.map(cell)]);
  }
  return rows
    .map((row) =>
      row
        .map((text) => text.padEnd(8))
        .join("")
        .trimEnd(),
    )
    .join("\n");
}

try {
  const options = optionsOf(process.argv.slice(2));
  if (options === undefined) process.stdout.write(usage);
  else process.exitCode = (await run(options)) === 0 ? 0 : 1;
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

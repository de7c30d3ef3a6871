import { fileURLToPath } from "node:url";
import { InvalidArgumentError, type Command } from "commander";
import { wholeNumber } from "../../../simulator/src/cli/numbers.ts";
import { outputFolder } from "../../../simulator/src/cli/output-path.ts";
import { Progress } from "../../../simulator/src/cli/progress.ts";
import { writeReport } from "../../../simulator/src/cli/report.ts";
import { figure, table } from "../../../simulator/src/cli/table.ts";
import { findOrFetch } from "../throughput/runtimes.ts";
import { attacks, type Attack } from "./attacks.ts";
import { joinsWanted, measure, type Outcome } from "./measure.ts";
import { failuresOf } from "./verdict.ts";

interface Flags {
  readonly seconds: number;
  readonly only?: readonly Attack[];
  readonly victim?: string;
  readonly json?: true;
  readonly out: string;
}

interface Row {
  readonly runtime: string;
  readonly attack: Attack;
  readonly outcome: Outcome;
}

/** `pnpm bench attacks`. */
export function addAttacks(program: Command): void {
  program
    .command("attacks")
    .description("what crafted packets and streams cost a member on Node and Deno, and whether it still answers pings and joins")
    .option("--seconds <n>", "of each attack", wholeNumber(2), 10)
    .option("--only <names>", `of ${attacks.map(({ name }) => name).join(", ")}; separated by commas`, attacksNamed)
    .option("--victim <program>", "attack this program on Node, of another version: see attack-task.ts")
    .option("--json", "print what was measured as JSON instead of the table")
    .option("--out <folder>", "where the JSON goes", outputFolder, "bench-results")
    .action(run);
}

function attacksNamed(names: string): readonly Attack[] {
  return names.split(",").map((wanted) => {
    const attack = attacks.find(({ name }) => name === wanted);
    if (attack === undefined) throw new InvalidArgumentError(`unknown attack "${wanted}".`);
    return attack;
  });
}

async function run({ seconds, only = attacks, victim, json, out }: Flags): Promise<void> {
  const victims = await victimPrograms(victim);
  const progress = new Progress("bench attacks", only.length * victims.size);
  const rows: Row[] = [];
  for (const attack of only) {
    for (const [runtime, command] of victims) {
      rows.push({ runtime, attack, outcome: await measure(attack, command, seconds) });
      progress.step();
    }
  }
  if (json === true) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  else process.stdout.write(`${report(rows)}\n`);
  const files = await writeReport(out, "attacks", { seconds, rows }, {});
  process.stderr.write(`written: ${files.join(", ")}\n`);
  const failures = rows.flatMap(({ runtime, attack, outcome }) =>
    failuresOf(attack, outcome).map((what) => `${attack.name} on ${runtime}: ${what}`),
  );
  for (const failure of failures) process.stderr.write(`${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
}

async function victimPrograms(other?: string): Promise<ReadonlyMap<string, readonly [string, ...string[]]>> {
  if (other !== undefined) return new Map([["Node", [process.execPath, other]]]);
  const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  const victims = new Map<string, readonly [string, ...string[]]>([["Node", [process.execPath, program("victim-program.mjs")]]]);
  const deno = await findOrFetch("deno", (line) => process.stderr.write(`${line}\n`));
  const flags = ["run", "--no-config", "--no-prompt", "--allow-all", "--unstable-net"];
  if (deno !== undefined) victims.set("Deno", [deno, ...flags, program("victim-deno-program.mjs")]);
  return victims;
}

function report(rows: readonly Row[]): string {
  const head = [
    "attack",
    "costs the attacker",
    "runtime",
    "CPU",
    "memory",
    "longest stall",
    "most CPU in a turn",
    "latest ack",
    "pings",
    "joins",
  ];
  return table(
    head,
    rows.map(({ runtime, attack, outcome }) => [
      attack.title,
      costOf(outcome),
      runtime,
      `${figure(outcome.cpu / outcome.seconds, 0)} ms/s`,
      `+${figure(outcome.memory, 0)} MiB`,
      `${figure(outcome.stall.wall, 0)} ms`,
      `${figure(outcome.stall.cpu, 0)} ms`,
      `${figure(outcome.pings.latest, 0)} ms`,
      `${outcome.pings.answered} of ${outcome.pings.sent}`,
      `${outcome.joined} of ${joinsWanted}`,
    ]),
  );
}

function costOf({ cost: { packets, streams, bytes }, seconds }: Outcome): string {
  const each = (count: number, what: string): string => (count === 0 ? "" : `${figure(count / seconds, 0)} ${what}/s, `);
  return `${each(packets, "packets")}${each(streams, "streams")}${figure(bytes / seconds / 1_000, 1)} kB/s`;
}

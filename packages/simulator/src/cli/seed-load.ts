import type { Command } from "commander";
import { seedLoad } from "../seed-load.ts";
import { wholeNumber } from "./numbers.ts";
import { table } from "./table.ts";

interface SeedLoadFlags {
  readonly nodes: number;
  readonly back: number;
  readonly seconds: number;
  readonly seed: number;
}

/** A row of the table, in seconds. */
const bucket = 30;

/** `seed-load`: what comes to a seed when all members start again at once. */
export function addSeedLoad(program: Command): void {
  program
    .command("seed-load")
    .description(
      "how often a seed is dialled when members that were evicted start again at once while it is away, and then get in",
    )
    .option("--nodes <n>", "how many", wholeNumber(1), 1_000)
    .option("--back <s>", "when the seed starts; over --seconds: never", wholeNumber(0), 120)
    .option("--seconds <s>", "how long to count the dials", wholeNumber(1), 480)
    .option("--seed <n>", "the same seed, the same run", wholeNumber(0), 1)
    .action(showSeedLoad);
}

async function showSeedLoad({ nodes, back, seconds, seed }: SeedLoadFlags): Promise<void> {
  const all = await seedLoad({ nodes, seed, backAfter: back * 1_000, duration: seconds * 1_000 });
  const rows: string[][] = [];
  for (let from = 0; from < seconds; from += bucket) {
    const part = all.slice(from, from + bucket);
    const dials = part.map((one) => one.dials);
    const sum = dials.reduce((total, count) => total + count, 0);
    rows.push([`${from}–${from + part.length}`, String(sum), String(Math.max(...dials)), String(part.at(-1)?.members ?? 0)]);
  }
  process.stdout.write(`${table(["seconds", "dials", "most in one second", "are in"], rows)}\n`);
}

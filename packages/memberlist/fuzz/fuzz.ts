import { parseArgs } from "node:util";
import * as fc from "fast-check";
import { attacks, type Case } from "./inputs.ts";
import { packetCosts } from "./packet-costs.ts";
import { play } from "./world.ts";

/** Cases of one seed: few enough that a seed that fails is found again in some seconds. */
const batch = 250;
const usage = "usage: pnpm fuzz [--minutes N] [--seed S], or pnpm fuzz --costs";
/** What one packet may cost, in ms of CPU. */
const packetCostMax = 20;

/** Bytes as hex: what is printed can be read, and pasted into a test. */
function show(given: Case): string {
  return JSON.stringify(
    given,
    (_key, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value),
    1,
  );
}

/** Prints what the worst packets cost a node. Returns the exit code. */
async function costs(): Promise<number> {
  const tooDear = await packetCosts((line) => void process.stdout.write(`${line}\n`), packetCostMax);
  if (tooDear.length === 0) return 0;
  process.stdout.write(`fuzz: ${tooDear.join("; ")}\n`);
  return 1;
}

/** Attacks whole nodes until the time is over. Returns the exit code: 1 when a case failed, 2 for wrong arguments. */
async function main(args: readonly string[]): Promise<number> {
  let minutes: number;
  let first: number;
  let onlyCosts: boolean;
  try {
    const options = {
      minutes: { type: "string", default: "1" },
      seed: { type: "string" },
      costs: { type: "boolean", default: false },
    } as const;
    const { values } = parseArgs({ args: [...args], options });
    onlyCosts = values.costs;
    minutes = Number(values.minutes);
    first = Number(values.seed ?? Date.now() % 1_000_000_000);
    if (!(minutes > 0) || !Number.isInteger(first)) throw new RangeError("minutes must be over 0, the seed a whole number");
  } catch (error) {
    process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
    return 2;
  }
  if (onlyCosts) return costs();
  const start = performance.now();
  const elapsed = (): number => (performance.now() - start) / 1_000;
  let cases = 0;
  let shownAt = 0;
  process.stdout.write(`fuzz: ${minutes} min from seed ${first}\n`);
  for (let seed = first; ; seed++) {
    const property = fc.asyncProperty(attacks, async (given) => {
      cases++;
      await play(given);
    });
    const result = await fc.check(property, { seed, numRuns: batch });
    if (result.failed) {
      const [given] = result.counterexample ?? [];
      const { errorInstance: error } = result;
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stdout.write(`fuzz: failed after ${cases} cases; again by: pnpm fuzz --seed ${seed}\n${what}\n`);
      if (given !== undefined) process.stdout.write(`the smallest input (bytes in hex):\n${show(given)}\n`);
      return 1;
    }
    const isOver = elapsed() >= minutes * 60;
    if (isOver || elapsed() - shownAt >= 5) {
      shownAt = elapsed();
      process.stdout.write(`fuzz: ${shownAt.toFixed(0)} s, ${cases} cases, up to seed ${seed}\n`);
    }
    if (isOver) return 0;
  }
}

process.exitCode = await main(process.argv.slice(2));

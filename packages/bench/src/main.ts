/** `pnpm bench`: see `pnpm bench --help`. */
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { modes, payloadKinds, sizes, type Case } from "./throughput/cases.ts";
import { measure, type Sample } from "./throughput/measure.ts";
import { median, table, type Row } from "./throughput/report.ts";
import { runtimes, type Runtime } from "./throughput/runtimes.ts";

interface Options {
  readonly quick?: true;
  readonly rounds: number;
  readonly json?: string;
  readonly only?: string;
  readonly payloads: string;
}

interface Entry {
  readonly runtime: Runtime;
  readonly which: Case;
  readonly full: Sample[];
  readonly eased: Sample[];
}

function count(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError("not a whole number over 0");
  return number;
}

async function throughput({ quick, rounds, json, only, payloads }: Options): Promise<void> {
  const found = await runtimes((line) => process.stderr.write(`${line}\n`));
  const duration = quick === true ? 500 : 1000;
  const wanted = new RegExp(only ?? (quick === true ? "^1400/" : ""));
  const entries = casesOf(payloads.split(",")).flatMap((which) =>
    found
      .filter(({ name }) => name !== "dgram" || which.mode === "plain")
      .filter(({ name }) => wanted.test(`${which.size}/${which.payload}/${which.mode}/${name}`))
      .map((runtime): Entry => ({ runtime, which, full: [], eased: [] })),
  );
  if (entries.length === 0) throw new Error("--only and --payloads leave nothing to measure");
  const roundsToRun = quick === true ? 1 : rounds;
  const total = entries.length * roundsToRun * 2;
  const start = performance.now();
  let done = 0;
  const tell = (): void => {
    done++;
    const left = ((performance.now() - start) / done) * (total - done);
    process.stderr.write(`\r${done}/${total} runs, ${Math.ceil(left / 1000)} s left   `);
  };
  for (let round = 0; round < roundsToRun; round++) {
    for (const { runtime, which, full } of entries) {
      full.push(await measure(runtime, which, { warmup: 500, duration, rate: 0 }));
      tell();
    }
  }
  for (let round = 0; round < roundsToRun; round++) {
    for (const { runtime, which, full, eased } of entries) {
      const rate = 0.8 * median(full.map(({ delivered }) => delivered));
      eased.push(await measure(runtime, which, { warmup: 500, duration, rate }));
      tell();
    }
  }
  process.stderr.write("\n");
  const rows = entries.map(({ runtime, which, full, eased }): Row => ({ ...which, runtime: runtime.name, full, eased }));
  process.stdout.write(`${table(rows)}\n`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(rows, null, 2)}\n`);
}

function casesOf(payloads: readonly string[]): Case[] {
  const kinds = payloadKinds.filter((kind) => payloads.includes(kind));
  return sizes.flatMap((size) => kinds.flatMap((payload) => modes.map((mode) => ({ mode, size, payload }))));
}

/** The benchmarks of single layers, by vitest. */
async function micro(filters: readonly string[]): Promise<void> {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const vitest = fileURLToPath(new URL("node_modules/vitest/vitest.mjs", `file://${root}`));
  const args = [vitest, "bench", "--run", "--config", "packages/bench/vitest.config.ts", ...filters];
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  process.exitCode = await new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
}

const program = new Command("bench");
program
  .description("Packets per second between two processes on loopback, delivered to the receiver's delegate and compared there")
  .option("--quick", "one short round at the 1,400-byte buffer, for CI")
  .option("--rounds <n>", "interleaved rounds", count, 5)
  .option("--payloads <kinds>", "of gossip, json, random", "gossip")
  .option("--only <regexp>", "of size/payload/mode/runtime, such as ^1400/gossip/both/")
  .option("--json <file>", "write all samples to a file")
  .action(throughput);
program
  .command("micro")
  .description("the benchmarks of single layers")
  .argument("[files...]", "of src/*.bench.ts, by a part of their names")
  .action(micro);
await program.parseAsync();

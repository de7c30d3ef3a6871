/** `pnpm bench`: see `pnpm bench --help`. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { reportUsageErrors } from "../../simulator/src/cli/usage-error.ts";
import { addAttacks } from "./attacks/command.ts";
import { addProtocol } from "./protocol/command.ts";
import { addQuic } from "./quic/command.ts";
import { addSoak } from "./soak/command.ts";
import { addThread } from "./thread/command.ts";
import { addThroughput } from "./throughput/command.ts";

/** The benchmarks of single layers, by vitest. */
async function micro(filters: readonly string[]): Promise<void> {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const vitest = fileURLToPath(new URL("node_modules/vitest/vitest.mjs", `file://${root}`));
  const args = [vitest, "bench", "--run", "--config", "packages/bench/vitest.config.ts", ...filters];
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  process.exitCode = await new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
}

// Options after a subcommand are its own.
const program = new Command("bench").enablePositionalOptions();
program.description(
  "Messages per second between two processes on loopback, delivered to the receiver's delegate and compared there",
);
addThroughput(program);
addQuic(program);
addProtocol(program);
addAttacks(program);
addSoak(program);
addThread(program);
program
  .command("micro")
  .description("the benchmarks of single layers")
  .argument("[files...]", "of src/*.bench.ts, by a part of their names")
  .action(micro);
if (!(await reportUsageErrors(() => program.parseAsync()))) process.exitCode = 1;

import { Command, CommanderError } from "commander";
import { addConvergence } from "./convergence.ts";
import { addFuzz } from "./fuzz.ts";
import { addLifeguard } from "./lifeguard.ts";
import { addRun } from "./run.ts";
import { addScale } from "./scale.ts";
import { addSeedLoad } from "./seed-load.ts";
import { addSwim } from "./swim.ts";
import { reportUsageErrors } from "./usage-error.ts";
import { addWorker } from "./workers.ts";

/** The CLI. Each subcommand is a file here with a function that adds it. @returns the exit code */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("pnpm sim").description("memberlist clusters in virtual time, by seed").exitOverride();
  addRun(program);
  addFuzz(program);
  addLifeguard(program);
  addScale(program);
  addSwim(program);
  addConvergence(program);
  addSeedLoad(program);
  addWorker(program);
  try {
    if (!(await reportUsageErrors(() => program.parseAsync([...argv])))) return 1;
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
}

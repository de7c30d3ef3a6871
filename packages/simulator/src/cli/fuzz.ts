import { InvalidArgumentError, type Command } from "commander";
import type { Failure } from "../fuzz/fuzz-seed.ts";
import { play } from "../fuzz/play.ts";
import type { Schedule } from "../fuzz/schedule.ts";
import { wholeNumber } from "./numbers.ts";
import { Progress } from "./progress.ts";
import { work } from "./workers.ts";

interface FuzzFlags {
  readonly seeds: number;
  readonly from: number;
  readonly jobs?: number;
  readonly budget?: number;
  readonly shrink: boolean;
  readonly replay?: Schedule;
}

/** `fuzz`: random clusters under random faults. */
export function addFuzz(program: Command): void {
  program
    .command("fuzz")
    .description(
      "plays random schedules of faults, one for each seed; prints the first that fails, shrunk, and how to play it again",
    )
    .option("--seeds <n>", "how many", wholeNumber(1), 1000)
    .option("--from <n>", "the first seed", wholeNumber(0), 1)
    .option("--jobs <n>", "processes (default: one for each core)", wholeNumber(1))
    .option("--budget <s>", "seconds, after which no further seed is begun", wholeNumber(1))
    .option("--no-shrink", "prints a schedule that fails as it was drawn")
    .option("--replay <json>", "plays this schedule, as a failure has printed it", parseSchedule)
    .action(async (flags: FuzzFlags) => {
      process.exitCode = flags.replay === undefined ? await fuzz(flags) : await replay(flags.replay);
    });
}

async function fuzz({ seeds, from, jobs, shrink, budget = Infinity }: FuzzFlags): Promise<number> {
  const inputs = Array.from({ length: seeds }, (_, i) => ({ seed: from + i, shrink }));
  const progress = new Progress("fuzz", seeds);
  let played = 0;
  let failure: Failure | undefined;
  await work("fuzzSeed", inputs, {
    jobs,
    onResult: (result) => {
      played++;
      progress.step();
      failure ??= result;
      return failure === undefined && progress.elapsed < budget;
    },
  });
  if (failure === undefined) {
    process.stdout.write(`fuzz: ${played} of ${seeds} seeds from ${from} in ${progress.elapsed.toFixed(0)} s, all well\n`);
    return 0;
  }
  const { seed, error, schedule } = failure;
  const json = JSON.stringify(schedule);
  process.stdout.write(`fuzz: seed ${seed} failed: ${error}\nagain, as drawn: pnpm sim fuzz --from ${seed} --seeds 1\n`);
  process.stdout.write(
    `again, ${shrink ? "shrunk to" : "with its"} ${schedule.steps.length} steps: pnpm sim fuzz --replay '${json}'\n`,
  );
  return 1;
}

async function replay(schedule: Schedule): Promise<number> {
  try {
    const { trace, settled } = await play(schedule);
    process.stdout.write(`fuzz: all well; they agreed after ${Math.round(settled)} ms; trace ${trace}\n`);
    return 0;
  } catch (error) {
    process.stdout.write(`fuzz: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}

function parseSchedule(json: string): Schedule {
  let schedule: Partial<Schedule> | null;
  try {
    schedule = JSON.parse(json) as Partial<Schedule> | null;
  } catch {
    throw new InvalidArgumentError("it is not JSON");
  }
  if (!Array.isArray(schedule?.steps) || schedule.size === undefined || schedule.config === undefined) {
    throw new InvalidArgumentError("it is not a schedule: one has steps, a size, a config, ...");
  }
  return schedule as Schedule;
}

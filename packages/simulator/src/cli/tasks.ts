import { fuzzSeed } from "../fuzz/fuzz-seed.ts";
import { convergenceRun } from "../papers/convergence-run.ts";
import { lifeguardRun } from "../papers/lifeguard-run.ts";
import { scaleColdStart, scaleSteady } from "../scale/scale-run.ts";
import { swimDetection, swimFalsePositives, swimInfection, swimLoad } from "../papers/swim-run.ts";

/** The tasks of worker processes, by name. Input and result travel as JSON. */
export const tasks: {
  readonly convergenceRun: typeof convergenceRun;
  readonly fuzzSeed: typeof fuzzSeed;
  readonly lifeguardRun: typeof lifeguardRun;
  readonly scaleColdStart: typeof scaleColdStart;
  readonly scaleSteady: typeof scaleSteady;
  readonly swimDetection: typeof swimDetection;
  readonly swimFalsePositives: typeof swimFalsePositives;
  readonly swimInfection: typeof swimInfection;
  readonly swimLoad: typeof swimLoad;
} = {
  convergenceRun,
  fuzzSeed,
  lifeguardRun,
  scaleColdStart,
  scaleSteady,
  swimDetection,
  swimFalsePositives,
  swimInfection,
  swimLoad,
};

export type TaskName = keyof typeof tasks;
export type TaskInput<T extends TaskName> = Parameters<(typeof tasks)[T]>[0];
export type TaskResult<T extends TaskName> = Awaited<ReturnType<(typeof tasks)[T]>>;

import * as fc from "fast-check";
import { InvariantError } from "../invariants.ts";
import { play } from "./play.ts";
import { schedules, type Schedule } from "./schedule.ts";

/** The problem of a seed. */
export interface Failure {
  readonly seed: number;
  readonly error: string;
  /** The shortest schedule found that fails; as drawn, where it was not to be shrunk. */
  readonly schedule: Schedule;
}

/** How long is shrunk, in ms. */
const shrinkTime = 45_000;

export interface FuzzInput {
  readonly seed: number;
  /** Whether a schedule that fails is made as short as can be. */
  readonly shrink: boolean;
}

/** Draws the schedule of one seed and plays it. @returns what failed; undefined when all is well */
export async function fuzzSeed({ seed, shrink }: FuzzInput): Promise<Failure | undefined> {
  const property = fc.asyncProperty(schedules, async (schedule) => void (await play(schedule)));
  const result = await fc.check(property, {
    seed,
    numRuns: 1,
    endOnFailure: !shrink,
    interruptAfterTimeLimit: shrinkTime,
  });
  const [schedule] = result.counterexample ?? [];
  if (!result.failed || schedule === undefined) return undefined;
  return { seed, schedule, error: textOf(result.errorInstance) };
}

function textOf(error: unknown): string {
  if (error instanceof InvariantError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

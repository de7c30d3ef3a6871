import { formatAddress } from "@memberlist/core/transport";
import { JoinError, type JoinConflict, type Memberlist, type Seed } from "@memberlist/core";
import { escapeControls } from "@memberlist/core/internal";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { pause } from "../interruption.ts";
import type { Io } from "../terminal/io.ts";

/** The first and the longest pause between attempts, in ms. Each pause is twice as long as the one before. */
const firstPause = 1_000;
const lastPause = 30_000;

/**
 * Joins the seeds. While no seed answers, it tries again until the signal is aborted: the seeds may start later.
 *
 * @throws JoinError if a seed refuses, such as for another key: the next attempt would fail, too
 */
export async function joinCluster(members: Memberlist, seeds: readonly Seed[], signal: AbortSignal, io: Io): Promise<void> {
  for (let delay = firstPause; !signal.aborted; delay = Math.min(2 * delay, lastPause)) {
    try {
      const { conflicts } = await members.join(seeds, { signal });
      for (const conflict of conflicts) warn(conflict, io);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isUnanswered(error)) throw error;
      if (delay === firstPause) {
        io.error(`${error.message}\nThe agent keeps running, and tries its seeds again until one answers`);
      }
    }
    await pause(delay, signal);
  }
}

function isUnanswered(error: unknown): error is JoinError {
  return (
    error instanceof JoinError &&
    error.code === "join_failed" &&
    error.attempts.every((attempt) => attempt.error === undefined || exitCodeOf(attempt.error) === exitCodes.unreachable)
  );
}

/** Warns about a running member with the same name. A dead one is most likely an earlier run of this agent. */
function warn({ node: { name, addr, port, state } }: JoinConflict, io: Io): void {
  if (state !== "alive" && state !== "suspect") return;
  io.error(
    `the name ${escapeControls(name)} is used by ${formatAddress({ host: addr, port })}, which is ${state}: members ignore this agent until that node ends. Stop one of the two, or pass another --name`,
  );
}

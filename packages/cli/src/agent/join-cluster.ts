import { formatAddress } from "@memberlist/core/transport";
import { JoinError, type JoinConflict, type Memberlist, type Seed } from "@memberlist/core";
import { escapeControls } from "@memberlist/core/internal";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { pause } from "../interruption.ts";
import type { Io } from "../terminal/io.ts";

/** In ms: the pauses between attempts double. */
const firstPause = 1_000;
const lastPause = 30_000;

/**
 * Joins by the seeds. While none of them answers it tries again, as they may start later, or wait for this one themselves; until the signal is aborted.
 *
 * @throws JoinError when a seed answered and refused, such as for another key: to try again would change nothing
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
        io.error(`${error.message}\nThe agent runs, and tries its seeds again until one answers`);
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

/** A dead node of our name is most likely this agent's earlier run. */
function warn({ node: { name, addr, port, state } }: JoinConflict, io: Io): void {
  if (state !== "alive" && state !== "suspect") return;
  io.error(
    `the name ${escapeControls(name)} is used by ${formatAddress({ host: addr, port })}, which is ${state}: the members ignore this agent as long as that node is there. Stop one of the two, or pass another --name`,
  );
}

import type { ErrorCode } from "../api/errors.ts";
import { JoinError, type JoinConflict, type JoinResult } from "../api/join.ts";
import type { Seed } from "../api/seeds.ts";
import type { Memberlist } from "../memberlist.ts";
import { systemClock, type Clock } from "../ports/clock.ts";
import { pause } from "../util/pause.ts";

/** In ms: the pauses between attempts double. */
const firstPause = 1_000;
const lastPause = 30_000;
/** How many attempts a member makes that finds only itself: 31 s. Healing tries the seeds after that. */
const attemptsAlone = 6;
/** In ms: the pause while another node has this one's name, and how many pauses there may be: a minute. */
const conflictPause = 5_000;
const conflictsMax = 12;
/** The join fails after so many refusals in a row. A single refusal may come from a member that is about to stop. */
const refusalsMax = 2;

/** The failures of a seed that does not run yet, or whose name does not resolve yet. */
const unanswered: readonly (ErrorCode | undefined)[] = [
  undefined,
  "dial_failed",
  "timeout",
  "resolve_failed",
  "no_ping_response",
];

export interface PersistentJoin {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Called once, after the first attempt that no seed answered; more attempts follow. */
  readonly onUnanswered?: (error: JoinError) => void;
  /** Called once, after the first join at which another node had this one's name; more joins follow. */
  readonly onConflict?: (conflicts: readonly JoinConflict[]) => void;
}

/**
 * Joins the cluster of the seeds, and tries again
 * - until the signal is aborted, while no seed answers: the seeds may start later, or wait for this node;
 * - for half a minute, if the seeds lead only to this node: the names of other members may not resolve yet;
 * - for a minute, while the others list another node of this name. That node may be a lost process, which this one replaces: the others accept a join
 *   once `deadNodeReclaimTime` has passed since they declared it dead.
 *
 * @returns the result of the last join; undefined if the signal or a shutdown ended it
 * @throws JoinError when a seed answered and refused twice in a row, such as for another key: further attempts would fail, too
 */
export async function joinPersistently(
  members: Pick<Memberlist, "join" | "numMembers">,
  seeds: readonly Seed[],
  { signal, clock = systemClock(), onUnanswered, onConflict }: PersistentJoin,
): Promise<JoinResult | undefined> {
  let refusals = 0;
  let conflicts = 0;
  let isReported = false;
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      const result = await members.join(seeds, { signal });
      const isConflict = result.conflicts.length > 0 && conflicts < conflictsMax;
      if (isConflict) {
        if (conflicts++ === 0) onConflict?.(result.conflicts);
        await pause(conflictPause, signal, clock);
        continue;
      }
      if (result.reached > 0 || members.numMembers() > 1 || attempt >= attemptsAlone) return result;
    } catch (error) {
      if (signal.aborted || (error instanceof JoinError && error.code === "shutdown")) return undefined;
      if (!(error instanceof JoinError) || error.code !== "join_failed") throw error;
      refusals = error.attempts.every((each) => unanswered.includes(each.error?.code)) ? 0 : refusals + 1;
      if (refusals >= refusalsMax) throw error;
      if (refusals === 0 && !isReported) {
        isReported = true;
        onUnanswered?.(error);
      }
    }
    await pause(Math.min(firstPause * 2 ** (attempt - 1), lastPause), signal, clock);
  }
  return undefined;
}

import type { ErrorCode } from "../api/errors.ts";
import { JoinError, type JoinConflict, type JoinResult } from "../api/join.ts";
import type { Seed } from "../api/seeds.ts";
import type { Memberlist } from "../memberlist.ts";
import { systemClock, type Clock } from "../ports/clock.ts";
import { onAbort } from "../util/on-abort.ts";

/** In ms: the pauses between attempts double. */
const firstPause = 1_000;
const lastPause = 30_000;
/** How often a member that finds nobody but itself tries again, before the seeds are left to healing: 31 s. */
const attemptsAlone = 6;
/** In ms: the pause while another node has this one's name, and how often that is tried: for a minute. */
const conflictPause = 5_000;
const conflictsMax = 12;
/** How often in a row a seed may refuse. A single refusal may come from a member that is about to stop. */
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
  /** No seed answered the first attempt; more follow. */
  readonly onUnanswered?: (error: JoinError) => void;
  /** Another node had this one's name at the first join; more joins follow. */
  readonly onConflict?: (conflicts: readonly JoinConflict[]) => void;
}

/**
 * Joins by the seeds. While none of them answers it tries again, as they may start later, or wait for this one themselves; until the signal is
 * aborted. It also tries again for half a minute if the seeds lead only to this node, because the names of the others may not resolve yet; and for a
 * minute while the others list another node of this name, which may be a lost process that was replaced: its name is free `deadNodeReclaimTime` after its
 * death, and the join after that makes this node known.
 *
 * @returns the result of the last join; undefined if the signal or a shutdown ended it
 * @throws JoinError when a seed answered and refused twice, such as for another key: to try again would change nothing
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

/** Resolves after so many ms, or when the signal is aborted. */
function pause(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clock.clearTimeout(timer);
      stopListening();
      resolve();
    };
    const timer = clock.setTimeout(end, ms);
    const stopListening = onAbort(signal, end);
    if (signal.aborted) end();
  });
}

import { formatAddress } from "@memberlist/core/transport";
import type { JoinConflict, Memberlist, Seed } from "@memberlist/core";
import { escapeControls, joinPersistently } from "@memberlist/core/internal";
import type { Io } from "../terminal/io.ts";

/**
 * Joins the seeds, and prints what the user should know. While no seed answers, it tries again until the signal is aborted.
 *
 * @throws JoinError if a seed refuses, such as for another key
 */
export async function joinCluster(members: Memberlist, seeds: readonly Seed[], signal: AbortSignal, io: Io): Promise<void> {
  await joinPersistently(members, seeds, {
    signal,
    onConflict: (conflicts) => conflicts.forEach((conflict) => warn(conflict, io)),
    onUnanswered: ({ message }) => io.error(`${message}\nThe agent keeps running, and tries its seeds again until one answers`),
  });
}

/** Warns about a running member with the same name. A dead one is most likely an earlier run of this agent. */
function warn({ node: { name, addr, port, state } }: JoinConflict, io: Io): void {
  if (state !== "alive" && state !== "suspect") return;
  io.error(
    `the name ${escapeControls(name)} is used by ${formatAddress({ host: addr, port })}, which is ${state}: members ignore this agent until that node ends. Stop one of the two, or pass another --name`,
  );
}

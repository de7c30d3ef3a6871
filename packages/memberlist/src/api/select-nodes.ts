import type { Node } from "./node.ts";

/** What the members are wanted for. `probe`: to be probed; `indirectProbe`: to be asked to probe another. */
export type SelectPurpose = "probe" | "indirectProbe" | "gossip" | "pushPull";

/**
 * Chooses some of `candidates`, which are all the members that will do. Must not block: it is called for each round, several times a
 * second. Where it throws, or returns none, or nothing but nodes that are no candidates, all candidates are taken, which is counted
 * (`select_nodes_failed`).
 */
export type SelectNodes = (purpose: SelectPurpose, candidates: readonly Node[]) => readonly Node[];

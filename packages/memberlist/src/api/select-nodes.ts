import type { Node } from "./node.ts";

/** What the members are selected for. `probe`: to be probed; `indirectProbe`: to probe another member for this one. */
export type SelectPurpose = "probe" | "indirectProbe" | "gossip" | "pushPull";

/**
 * Selects some of `candidates`, which are all the members that are suitable. Must not block: it is called several times a second. If it
 * throws, or returns none of the candidates, all of them are taken, which the counter `select_nodes_failed` counts.
 */
export type SelectNodes = (purpose: SelectPurpose, candidates: readonly Node[]) => readonly Node[];

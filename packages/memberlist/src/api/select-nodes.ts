import type { Node } from "./node.ts";

/** The purpose of a selection. `probe`: members to probe; `indirectProbe`: members to ask for an indirect probe. */
export type SelectPurpose = "probe" | "indirectProbe" | "gossip" | "pushPull";

/**
 * Chooses some of `candidates`, the members that can be selected. It must not block, because it is called several times a second. If it
 * throws, or returns no candidate, all candidates are used and the counter `select_nodes_failed` rises.
 */
export type SelectNodes = (purpose: SelectPurpose, candidates: readonly Node[]) => readonly Node[];

export { createRing, type Ring } from "./ring.ts";
export { leader, type Leader, type LeaderOptions } from "./leader.ts";
export type { RingMembers, RingSource } from "./membership.ts";
export type { RingChange, RingMove } from "./ring-change.ts";

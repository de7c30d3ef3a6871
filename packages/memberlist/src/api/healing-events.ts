import type { MemberlistError } from "./errors.ts";

/** One attempt to reach a member or a seed that is not alive. */
export interface HealingAttempt {
  /** The seed as given to `join` (or the function's name); undefined for a dead member. */
  readonly seed?: string;
  /** The name of the dead member; undefined for a seed. */
  readonly node?: string;
  /** `host:port`; "" if the seed could not be resolved. */
  readonly address: string;
  /** Undefined if it was reached. */
  readonly error?: MemberlistError;
  /** The duration of the attempt, in ms. */
  readonly elapsed: number;
}

/** No other member is alive any more, or no seed could be reached yet. Healing continues its attempts. */
export interface Isolated {
  readonly type: "isolated";
  /** How many dead members healing tries. */
  readonly lost: number;
  /** How many seeds healing tries. */
  readonly seeds: number;
  /** The last 16 attempts since healing last found a member, in order. */
  readonly tried: readonly HealingAttempt[];
}

/** An attempt of this node brought members back, or another member found this isolated node. */
export interface Healed {
  readonly type: "healed";
  /** The number of members now, this node included. */
  readonly members: number;
  /** The attempt that succeeded; undefined if another member found this node. */
  readonly via?: HealingAttempt;
  /** As in {@link Isolated}, with `via`. */
  readonly tried: readonly HealingAttempt[];
}

import type { MemberlistError } from "./errors.ts";

/** One try to reach somebody who is not alive now. */
export interface HealingAttempt {
  /** The seed that stands for it, as it was given to join (a function's name); undefined where a member that died was tried. */
  readonly seed?: string;
  /** The name of the member that died; undefined for a seed. */
  readonly node?: string;
  /** `host:port`; "" where the seed could not be resolved. */
  readonly address: string;
  /** Undefined when it was reached. */
  readonly error?: MemberlistError;
  /** How long it took, in ms. */
  readonly elapsed: number;
}

/** Nobody else is alive any more, or no seed could be reached yet. Healing goes on trying. */
export interface Isolated {
  readonly type: "isolated";
  /** How many members that died are remembered, to be tried. */
  readonly lost: number;
  /** How many seeds are. */
  readonly seeds: number;
  /** What has been tried since this node last heard of somebody new by healing, the latest 16; the latest last. */
  readonly tried: readonly HealingAttempt[];
}

/** Members that were not alive are back by a try of ours, or somebody has found us who were isolated. */
export interface Healed {
  readonly type: "healed";
  /** How many members there are now, ourselves included. */
  readonly members: number;
  /** The try that it came of; undefined when we were found. */
  readonly via?: HealingAttempt;
  /** As in {@link Isolated}; `via` included. */
  readonly tried: readonly HealingAttempt[];
}

import type { MemberlistError } from "./errors.ts";
import type { Node } from "./node.ts";

/** What came of one address that a join tried. */
export interface JoinAttempt {
  /** As it was given to join; a function's name. */
  readonly seed: string;
  /** `host:port`; "" when the seed could not even be resolved. */
  readonly address: string;
  /** Undefined when the peer was reached. */
  readonly error?: MemberlistError;
  /** The address leads to this node itself. It does not count as reached. */
  readonly self?: true;
  /** How long it took, in ms. */
  readonly elapsed: number;
}

/** What came of one seed: of all the addresses that it stands for. */
export interface SeedResult {
  /** As it was given to join; a function's name. */
  readonly seed: string;
  /** How many of its addresses were reached, this node's own not counted. */
  readonly reached: number;
  /** One of its addresses leads to this node itself. */
  readonly self?: true;
  /** The first of its failures; it may be there even if another address was reached. */
  readonly error?: MemberlistError;
  /** From the beginning of its resolution to the end of its last attempt, in ms. */
  readonly elapsed: number;
}

/** Another node that has our name. The peers that list it do not list us, until it has left, or is dead and forgotten. */
export interface JoinConflict {
  /** The seed by which we found out, as it was given to join. */
  readonly seed: string;
  /** `host:port` of the peer that lists it. */
  readonly address: string;
  /** The other node. A `dead` one at an address that we had before is ourselves of an earlier run, and is soon forgotten. */
  readonly node: Node;
}

export interface JoinResult {
  /** How many addresses were reached, this node's own not counted. */
  readonly reached: number;
  /** Nodes with our name at another address, by the states of the peers that were reached; empty where all is well. */
  readonly conflicts: readonly JoinConflict[];
  /** One for each address, in the order of the seeds and of their resolution. */
  readonly attempts: readonly JoinAttempt[];
  /** One for each seed, in the order given. */
  readonly seeds: readonly SeedResult[];
}

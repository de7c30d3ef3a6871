import type { MemberlistError } from "./errors.ts";

/** What came of one address that a join tried. */
export interface JoinAttempt {
  /** As it was given to join; a function's name. */
  readonly seed: string;
  /** `host:port`; "" when the seed could not even be resolved. */
  readonly address: string;
  /** Undefined when the peer was reached. */
  readonly error?: MemberlistError;
  /** How long it took, in ms. */
  readonly elapsed: number;
}

/** What came of one seed: of all the addresses that it stands for. */
export interface SeedResult {
  /** As it was given to join; a function's name. */
  readonly seed: string;
  /** How many of its addresses were reached. */
  readonly reached: number;
  /** The first of its failures; it may be there even if another address was reached. */
  readonly error?: MemberlistError;
  /** From the beginning of its resolution to the end of its last attempt, in ms. */
  readonly elapsed: number;
}

export interface JoinResult {
  /** How many addresses were reached. */
  readonly reached: number;
  /** One for each address, in the order of the seeds and of their resolution. */
  readonly attempts: readonly JoinAttempt[];
  /** One for each seed, in the order given. */
  readonly seeds: readonly SeedResult[];
}

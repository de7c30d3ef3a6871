import type { MemberlistError } from "./errors.ts";

/** What came of one address that a join tried. */
export interface JoinAttempt {
  /** As it was given to join. */
  readonly seed: string;
  /** `host:port`; "" when the seed could not even be resolved. */
  readonly address: string;
  /** Undefined when the peer was reached. */
  readonly error?: MemberlistError;
  /** How long it took, in ms. */
  readonly elapsed: number;
}

export interface JoinResult {
  /** How many addresses were reached. */
  readonly reached: number;
  readonly attempts: readonly JoinAttempt[];
}

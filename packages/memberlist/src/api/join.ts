import { MemberlistError, type MemberlistErrorOptions } from "./errors.ts";
import type { Node } from "./node.ts";
import { waitRules, type WaitOptions } from "./call-options.ts";
import { integer, type Rules } from "../util/rules.ts";

/** Options of {@link Memberlist.join}. */
export interface JoinOptions extends WaitOptions {
  /** For the whole join, in ms; 0 or undefined for no limit. Each address has `tcpTimeout` at most. */
  readonly timeout?: number;
  /** How many addresses are resolved or tried at the same time, from 1. Default 1: one after the other, as in Go. */
  readonly concurrency?: number;
  /**
   * The join fails if it reaches fewer addresses. All are tried in any case. This node's own address does not count. Default 1, or 0
   * if every seed is this node itself (it is the first of its cluster) or there are no seeds. With 0 the join does not fail because nobody
   * answered.
   */
  readonly minReached?: number;
}

export const joinRules: Rules<JoinOptions> = { ...waitRules, concurrency: integer(1), minReached: integer(0) };

/** The outcome for one address that a join tried. */
export interface JoinAttempt {
  /** The seed as it was given to join; a function's name. */
  readonly seed: string;
  /** `host:port`; "" if the seed could not be resolved. */
  readonly address: string;
  /** Undefined when the peer was reached. */
  readonly error?: MemberlistError;
  /** The address leads to this node itself. It does not count as reached. */
  readonly self?: true;
  /** How long it took, in ms. */
  readonly elapsed: number;
}

/** The outcome for one seed: for all the addresses that it stands for. */
export interface SeedResult {
  /** The seed as it was given to join; a function's name. */
  readonly seed: string;
  /** How many of its addresses were reached, this node's own not counted. */
  readonly reached: number;
  /** One of its addresses leads to this node itself. */
  readonly self?: true;
  /** The first failure; present even if another address of the seed was reached. */
  readonly error?: MemberlistError;
  /** From the start of its resolution to the end of its last attempt, in ms. */
  readonly elapsed: number;
}

/** Another node with our name. The peers that list it do not list us, until it has left, or is dead and forgotten. */
export interface JoinConflict {
  /** The seed whose peer listed it, as it was given to join. */
  readonly seed: string;
  /** `host:port` of the peer that lists it. */
  readonly address: string;
  /** The other node. A `dead` one at an address that this node had before is this node's own earlier run, and is soon forgotten. */
  readonly node: Node;
}

/** The result of {@link Memberlist.join}. */
export interface JoinResult {
  /** How many addresses were reached, this node's own not counted. */
  readonly reached: number;
  /** Nodes with our name at another address, according to the peers that were reached; normally empty. */
  readonly conflicts: readonly JoinConflict[];
  /** One for each address, in the order of the seeds and of their resolution. */
  readonly attempts: readonly JoinAttempt[];
  /** One for each seed, in the order given. */
  readonly seeds: readonly SeedResult[];
}

/**
 * A join did not reach enough addresses (`join_failed`), or was stopped before it had tried all (`aborted`, `shutdown`). It carries the
 * outcome for each address that was tried. `cause` is the first failure of an address, or the reason of the signal. `stateChanged` is true
 * if somebody was reached all the same.
 *
 * @example
 * try {
 *   await members.join(seeds);
 * } catch (error) {
 *   if (!(error instanceof JoinError)) throw error;
 *   for (const { address, error: reason } of error.attempts) console.error(address, reason?.code);
 * }
 */
export class JoinError extends MemberlistError implements JoinResult {
  override readonly name: string = "JoinError";
  readonly reached: number;
  readonly conflicts: readonly JoinConflict[];
  readonly attempts: readonly JoinAttempt[];
  readonly seeds: readonly SeedResult[];

  constructor(
    code: "join_failed" | "aborted" | "shutdown",
    message: string,
    { reached, conflicts, attempts, seeds }: JoinResult,
    options: MemberlistErrorOptions = {},
  ) {
    super(code, message, options);
    this.reached = reached;
    this.conflicts = conflicts;
    this.attempts = attempts;
    this.seeds = seeds;
  }
}

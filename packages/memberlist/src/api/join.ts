import { MemberlistError, type MemberlistErrorOptions } from "./errors.ts";
import type { Node } from "./node.ts";
import { waitRules, type WaitOptions } from "./call-options.ts";
import { integer, type Rules } from "../util/value-rules.ts";

/** Options of {@link Memberlist.join}. */
export interface JoinOptions extends WaitOptions {
  /** The time limit of the whole join, in ms; 0 or undefined for no limit. Each address has at most `tcpTimeout`. */
  readonly timeout?: number;
  /** How many addresses are resolved or tried at the same time, 1 or more. Default 1: one after the other, as in Go. */
  readonly concurrency?: number;
  /**
   * The join fails if it reaches fewer addresses. It tries all of them in any case. This node's own address does not count. Default 1, or
   * 0 if every seed is this node itself (the first of its cluster) or the list is empty. With 0 the join succeeds even without an answer.
   */
  readonly minReached?: number;
}

export const joinRules: Rules<JoinOptions> = { ...waitRules, concurrency: integer(1), minReached: integer(0) };

/** The outcome for one address that a join tried. */
export interface JoinAttempt {
  /** The seed as given to `join`, or the function's name. */
  readonly seed: string;
  /** `host:port`; "" if the seed could not be resolved. */
  readonly address: string;
  /** Undefined if the peer was reached. */
  readonly error?: MemberlistError;
  /** The address leads to this node itself. It does not count as reached. */
  readonly self?: true;
  /** The duration of the attempt, in ms. */
  readonly elapsed: number;
}

/** The outcome for all addresses of one seed. */
export interface SeedResult {
  /** The seed as given to `join`, or the function's name. */
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

/** Another node with this node's name. Peers that list it do not list this node until the other one has left, or is dead and forgotten. */
export interface JoinConflict {
  /** The seed of the peer that lists it, as given to `join`. */
  readonly seed: string;
  /** `host:port` of the peer that lists it. */
  readonly address: string;
  /** The other node. If it is `dead` and has an earlier address of this node, it is this node's own earlier run, and is soon forgotten. */
  readonly node: Node;
}

/** The result of {@link Memberlist.join}. */
export interface JoinResult {
  /** How many addresses were reached, this node's own not counted. */
  readonly reached: number;
  /** Nodes with this node's name at another address, according to the peers that were reached; normally empty. */
  readonly conflicts: readonly JoinConflict[];
  /** One entry for each address, in the order of the seeds and of their resolution. */
  readonly attempts: readonly JoinAttempt[];
  /** One entry for each seed, in the order given. */
  readonly seeds: readonly SeedResult[];
}

/**
 * A join did not reach enough addresses (`join_failed`), or was stopped before it had tried all (`aborted`, `shutdown`). It has the
 * outcome for each address that was tried. `cause` is the first failure of an address, or the reason of the signal. `stateChanged` is true
 * if some address was reached. `attempts` and `seeds` are not enumerable: the message has the causes, and a console need not repeat them.
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
  /** Always "JoinError". */
  override readonly name: string = "JoinError";
  /** See {@link JoinResult.reached}. */
  readonly reached: number;
  /** See {@link JoinResult.conflicts}. */
  readonly conflicts: readonly JoinConflict[];
  /** See {@link JoinResult.attempts}. */
  readonly attempts: readonly JoinAttempt[];
  /** See {@link JoinResult.seeds}. */
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
    // Not enumerable: a console prints the nested errors of both lists, hundreds of lines, and the message has their causes.
    Object.defineProperties(this, { attempts: { enumerable: false }, seeds: { enumerable: false } });
  }
}

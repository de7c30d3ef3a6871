import { formatAddress, type Address } from "../api/address.ts";
import { checkNodeName } from "../api/check-arguments.ts";
import { asMemberlistError, MemberlistError, type ErrorCode } from "../api/errors.ts";
import {
  JoinError,
  type JoinAttempt,
  type JoinConflict,
  type JoinOptions,
  type JoinResult,
  type SeedResult,
} from "../api/join.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { seedName, type Seed } from "../api/seeds.ts";
import type { Log } from "../ports/log.ts";
import type { Engine } from "../swim/engine.ts";
import type { SeedResolver } from "./seed-resolver.ts";
import type { OutboundStreams, PeerView } from "./streams/outbound-streams.ts";
import { makeNode } from "../swim/node-record.ts";
import { nodeStateName } from "../swim/versions.ts";
import { isLoopback, isWildcard } from "../transport-kit/bind-target.ts";
import type { Node } from "../api/node.ts";
import type { PushNodeState } from "../wire/messages/types.ts";

/** The parts of a node that a join uses. */
interface JoinParts {
  readonly config: ResolvedConfig;
  readonly log: Log;
  readonly engine: Engine;
  readonly seeds: SeedResolver;
  readonly streams: OutboundStreams;
  /** Runs an input of the engine. */
  run(input: () => void): void;
}

/**
 * Push/pulls with every address of every seed. Source: PROTOCOL.md section 5, Join.
 *
 * @throws JoinError `join_failed` when fewer than `minReached` were reached, `aborted`, `shutdown`
 */
export async function joinSeeds(parts: JoinParts, seeds: readonly Seed[], options: JoinOptions): Promise<JoinResult> {
  const { concurrency = 1 } = options;
  parts.run(() => parts.engine.remember(seeds));
  const result = await new Join(parts, seeds, options).run(concurrency);
  const isAlone = result.attempts.every(({ self }) => self === true);
  const { minReached = isAlone ? 0 : 1 } = options;
  if (result.reached < minReached) throw joinFailed(result, minReached);
  return result;
}

/** One seed's part of a join. */
interface SeedProgress {
  readonly seed: string;
  /** By the place of the address in the resolver's answer. */
  readonly attempts: (JoinAttempt | undefined)[];
  startedAt: number;
  endedAt: number;
}

interface Failure {
  readonly address: string;
  readonly since: number;
  readonly error: MemberlistError;
}

type Step = () => Promise<void>;

class Join {
  readonly #parts: JoinParts;
  readonly #signal: AbortSignal | undefined;
  readonly #deadline: number;
  readonly #progress: readonly SeedProgress[];
  readonly #conflicts: JoinConflict[] = [];
  /** What is still to be done; a seed that has been resolved puts its addresses in front. */
  #steps: Step[];

  constructor(parts: JoinParts, seeds: readonly Seed[], { timeout, signal }: JoinOptions) {
    const now = parts.config.clock.now();
    this.#parts = parts;
    this.#signal = signal;
    this.#deadline = timeout === undefined || timeout === 0 ? Infinity : now + timeout;
    this.#progress = seeds.map((seed) => ({ seed: seedName(seed), attempts: [], startedAt: now, endedAt: now }));
    this.#steps = seeds.map((seed, i) => () => this.#trySeed(seed, this.#progress[i] as SeedProgress));
  }

  async run(concurrency: number): Promise<JoinResult> {
    const running = new Set<Promise<void>>();
    let end: MemberlistError | undefined;
    while (this.#steps.length > 0 || running.size > 0) {
      for (let step = this.#next(running.size, concurrency); step !== undefined; step = this.#next(running.size, concurrency)) {
        const work: Promise<void> = step()
          .catch((error: unknown) => {
            this.#steps = [];
            end ??= asMemberlistError(error);
          })
          .finally(() => running.delete(work));
        running.add(work);
      }
      await Promise.race(running);
    }
    if (end !== undefined) throw this.#stopped(end);
    return this.#result();
  }

  #next(running: number, concurrency: number): Step | undefined {
    return running < concurrency ? this.#steps.shift() : undefined;
  }

  async #trySeed(seed: Seed, progress: SeedProgress): Promise<void> {
    progress.startedAt = this.#now();
    try {
      const lookup = { timeLeft: () => this.#timeLeft(), signal: this.#signal };
      const addresses = await this.#parts.seeds.resolve(seed, lookup);
      this.#steps.unshift(...addresses.map((address, i) => () => this.#tryAddress(progress, i, address)));
    } catch (error) {
      this.#failed(progress, 0, { address: "", since: progress.startedAt, error: asMemberlistError(error, "resolve_failed") });
    }
  }

  async #tryAddress(progress: SeedProgress, i: number, address: Address): Promise<void> {
    const since = this.#now();
    try {
      checkNodeName(address, this.#parts.config);
      const view = await this.#parts.streams.pushPull(address, true, { timeout: this.#timeLeft(), signal: this.#signal });
      const attempt = { seed: progress.seed, address: formatAddress(address), elapsed: this.#now() - since };
      this.#note(progress, i, isOurselves(this.#parts, address, view) ? { ...attempt, self: true } : attempt);
      for (const node of namesakes(this.#parts, view)) this.#conflict({ seed: attempt.seed, address: attempt.address, node });
    } catch (error) {
      this.#failed(progress, i, { address: formatAddress(address), since, error: asMemberlistError(error) });
    }
  }

  #failed(progress: SeedProgress, i: number, { address, since, error }: Failure): void {
    const { seed } = progress;
    if (isEnd(error.code)) throw error;
    this.#parts.log.warn("join_attempt_failed", `could not join ${seed}: ${error.message}`, { seed, address });
    this.#note(progress, i, { seed, address, error, elapsed: this.#now() - since });
  }

  /** Each conflict once, even if several peers list it. */
  #conflict(conflict: JoinConflict): void {
    const isSame = ({ node }: JoinConflict): boolean => node.addr === conflict.node.addr && node.port === conflict.node.port;
    if (!this.#conflicts.some(isSame)) this.#conflicts.push(conflict);
  }

  #note(progress: SeedProgress, i: number, attempt: JoinAttempt): void {
    progress.attempts[i] = attempt;
    progress.endedAt = this.#now();
  }

  #result(): JoinResult {
    const seeds = this.#progress.map(({ seed, attempts, startedAt, endedAt }): SeedResult => {
      const made = attempts.filter((attempt) => attempt !== undefined);
      const error = made.find((attempt) => attempt.error !== undefined)?.error;
      const self = made.some((attempt) => attempt.self === true);
      return {
        seed,
        reached: countReached(made),
        elapsed: endedAt - startedAt,
        ...(self ? { self } : {}),
        ...(error === undefined ? {} : { error }),
      };
    });
    const attempts = this.#attempts();
    return { reached: countReached(attempts), conflicts: this.#conflicts, attempts, seeds };
  }

  #attempts(): JoinAttempt[] {
    return this.#progress.flatMap((progress) => progress.attempts.filter((attempt) => attempt !== undefined));
  }

  /** The caller's signal, or the shutdown, with the attempts made by then. */
  #stopped({ code, message, cause, stateChanged }: MemberlistError): MemberlistError {
    const result = this.#result();
    const options = { cause, stateChanged: stateChanged || result.reached > 0 };
    return isEnd(code) ? new JoinError(code, message, result, options) : new MemberlistError(code, message, options);
  }

  #now(): number {
    return this.#parts.config.clock.now();
  }

  /** In whole ms, as errors show it. @throws MemberlistError `timeout` when the time is over */
  #timeLeft(): number {
    const left = Math.min(this.#parts.config.tcpTimeout, this.#deadline - this.#now());
    if (left <= 0) throw new MemberlistError("timeout", "the join's timeout passed before this address was tried");
    return Math.max(1, Math.round(left));
  }
}

function joinFailed(result: JoinResult, minReached: number): JoinError {
  const { reached, attempts } = result;
  const missed = attempts.filter(({ error, self }) => error !== undefined || self === true);
  const reasons = missed.map(
    ({ seed, address, error }) => `\n  ${address === "" ? seed : address}: ${error?.message ?? "is this node itself"}`,
  );
  const what =
    reached === 0
      ? `could not join any of ${attempts.length} addresses`
      : `joined ${reached} of ${attempts.length} addresses, fewer than minReached (${minReached})`;
  const hint = attempts.some(({ self }) => self)
    ? "\nThe first node of a cluster joins with minReached: 0"
    : [...new Set(missed.map(({ error }) => adviceFor(error)))].join("");
  return new JoinError("join_failed", `${what}${reasons.join("")}${hint}`, result, {
    cause: attempts.find(({ error }) => error !== undefined)?.error,
    details: { minReached },
    stateChanged: reached > 0,
  });
}

/** What to do about a failed attempt. It names the variables that `configFromEnv` reads, too. */
function adviceFor(error: MemberlistError | undefined): string {
  const code = error?.code;
  if (code === "dial_failed" || code === "timeout") {
    return "\nIs a member running there? Check the address and its TCP port, and the firewall";
  }
  if (code === "decrypt_failed" || code === "not_encrypted" || error?.details["unanswered"] === true) {
    return "\nAll members need the same label (or MEMBERLIST_LABEL), and the same secretKey or keyring (or MEMBERLIST_KEY_FILE)";
  }
  return "";
}

/** Whether the caller or a shutdown has ended the join: it tries no further seed. */
function isEnd(code: ErrorCode): code is "aborted" | "shutdown" {
  return code === "aborted" || code === "shutdown";
}

function countReached(attempts: readonly JoinAttempt[]): number {
  return attempts.filter(({ error, self }) => error === undefined && self !== true).length;
}

type Joiner = { readonly config: ResolvedConfig; readonly engine: Engine };

/**
 * Whether this node exchanged states with itself, which is likely with a shared list of seeds or a load balancer. The wire does not show
 * it, so two rules decide: the address is this node's own and lists no other node there, or the peer lists only this node, although every
 * member lists itself.
 */
function isOurselves({ config, engine }: Joiner, address: Address, { count, nodes }: PeerView): boolean {
  const us = engine.localNode;
  const isUs = ({ name, addr, port }: PushNodeState): boolean => name === us.name && addr === us.addr && port === us.port;
  if (count === 1 && nodes.every(isUs) && (nodes.length === 1 || engine.numKnown === 1)) return true;
  if (nodes.some((node) => node.addr === address.host && node.port === address.port && !isUs(node))) return false;
  if (address.host === us.addr && address.port === us.port) return true;
  const isBoundHere = isWildcard(config.bindAddr) && isLoopback(address.host) && address.port === config.bindPort;
  return isBoundHere && !engine.isOccupied(address);
}

/** The peer's nodes with this node's name at another address that have not left. The peer does not list this node while it lists them. */
function namesakes({ config, engine }: Joiner, { nodes }: PeerView): Node[] {
  const us = engine.localNode;
  return nodes
    .filter(({ name, addr, port }) => name === config.name && (addr !== us.addr || port !== us.port))
    .map((node) => makeNode(node, node.vsn, nodeStateName(node.state) ?? "dead"))
    .filter(({ state }) => state !== "left");
}

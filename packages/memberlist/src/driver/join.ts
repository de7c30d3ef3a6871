import { formatAddress, isIp, parseAddress, type Address } from "../address.ts";
import { errorMessage, MemberlistError } from "../errors.ts";
import type { JoinAttempt, JoinResult } from "../join-result.ts";
import type { Driver } from "./driver.ts";

export interface JoinOptions {
  /** For the whole join, in ms; 0 or undefined without end. Each address has `tcpTimeout` at most. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/**
 * Push/pulls with every address of every seed. Source: PROTOCOL.md section 5, Join.
 *
 * @throws MemberlistError `join_failed` when none was reached, `aborted`, `shutdown`
 */
export async function joinSeeds(driver: Driver, seeds: readonly string[], options: JoinOptions): Promise<JoinResult> {
  const join = new Join(driver, options);
  for (const seed of seeds) await join.trySeed(seed);
  const { attempts } = join;
  const reached = attempts.filter((attempt) => attempt.error === undefined).length;
  if (reached === 0 && attempts.length > 0) throw joinFailed(attempts);
  return { reached, attempts };
}

class Join {
  readonly attempts: JoinAttempt[] = [];
  readonly #driver: Driver;
  readonly #signal: AbortSignal | undefined;
  readonly #deadline: number;

  constructor(driver: Driver, { timeout, signal }: JoinOptions) {
    this.#driver = driver;
    this.#signal = signal;
    this.#deadline = timeout === undefined || timeout === 0 ? Infinity : driver.config.clock.now() + timeout;
  }

  async trySeed(seed: string): Promise<void> {
    const since = this.#now();
    let addresses: readonly Address[];
    try {
      addresses = await this.#resolve(seed);
    } catch (error) {
      this.#failed(seed, "", since, error);
      return;
    }
    for (const address of addresses) await this.#tryAddress(seed, address);
  }

  async #tryAddress(seed: string, address: Address): Promise<void> {
    const since = this.#now();
    try {
      this.#driver.checkName(address);
      await this.#driver.streams.pushPull(address, true, { timeout: this.#timeLeft(), signal: this.#signal });
      this.attempts.push({ seed, address: formatAddress(address), elapsed: this.#now() - since });
    } catch (error) {
      this.#failed(seed, formatAddress(address), since, error);
    }
  }

  async #resolve(seed: string): Promise<readonly Address[]> {
    const { config, transport, waits } = this.#driver;
    const address = parseAddress(seed, config.bindPort);
    if (isIp(address.host)) return [address];
    const timeout = this.#timeLeft();
    const signal = this.#signal;
    const what = `resolving ${address.host}`;
    const hosts = await waits.run<readonly string[]>({ what, timeout, signal }, (resolve, reject) => {
      if (transport.resolve === undefined) {
        throw new MemberlistError("resolve_failed", `this transport cannot resolve names: ${address.host}`);
      }
      transport.resolve(address.host, { dnsConfigPath: config.dnsConfigPath, timeout, signal }).then(resolve, reject);
    });
    if (hosts.length === 0) throw new MemberlistError("resolve_failed", `${address.host} has no address`);
    return hosts.map((host) => ({ ...address, host }));
  }

  #failed(seed: string, address: string, since: number, error: unknown): void {
    const typed =
      error instanceof MemberlistError ? error : new MemberlistError("join_failed", errorMessage(error), { cause: error });
    // The caller's own wish, or the end of everything: there is nothing left to try.
    if (typed.code === "aborted" || typed.code === "shutdown") throw this.#gaveUp(typed);
    this.#driver.log.warn("join_attempt_failed", `could not join ${seed}: ${typed.message}`, { seed, address });
    this.attempts.push({ seed, address, error: typed, elapsed: this.#now() - since });
  }

  /** Says what had been done by then. */
  #gaveUp(error: MemberlistError): MemberlistError {
    const { attempts } = this;
    const stateChanged = error.stateChanged || attempts.some((attempt) => attempt.error === undefined);
    return new MemberlistError(error.code, error.message, { cause: error.cause, details: { attempts }, stateChanged });
  }

  #now(): number {
    return this.#driver.config.clock.now();
  }

  /** @throws MemberlistError `timeout` when there is none */
  #timeLeft(): number {
    const left = Math.min(this.#driver.config.tcpTimeout, this.#deadline - this.#now());
    if (left <= 0) throw new MemberlistError("timeout", "the join's timeout left no time for this address");
    return left;
  }
}

function joinFailed(attempts: readonly JoinAttempt[]): MemberlistError {
  const reasons = attempts.map(({ seed, address, error }) => `${address === "" ? seed : address}: ${error?.message ?? ""}`);
  return new MemberlistError("join_failed", `could not join any of ${attempts.length} addresses\n  ${reasons.join("\n  ")}`, {
    cause: attempts[0]?.error,
    details: { attempts },
  });
}

import { isIp, parseAddress, type Address } from "../api/address.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import { seedName, type Seed, type SeedProvider } from "../api/seeds.ts";
import type { ResolvedConfig } from "../config/config.ts";
import type { Log } from "../ports/log.ts";
import type { SrvRecord, Transport } from "../ports/transport.ts";
import type { PendingOperations } from "./pending-operations.ts";

export interface SeedLookup {
  /** Returns the ms that are left. @throws MemberlistError `timeout` when the time is over */
  readonly timeLeft: () => number;
  readonly signal?: AbortSignal | undefined;
}

export interface SeedResolverOptions {
  readonly config: ResolvedConfig;
  readonly transport: Pick<Transport, "resolve" | "resolveSrv">;
  readonly operations: PendingOperations;
  readonly log: Log;
}

/** Finds the addresses of seeds: literal addresses, host names, and functions that return either. */
export class SeedResolver {
  readonly #options: SeedResolverOptions;

  constructor(options: SeedResolverOptions) {
    this.#options = options;
  }

  /**
   * All addresses that a seed stands for now. A name's addresses come in the order of the answer.
   *
   * @throws MemberlistError `resolve_failed` for a seed without an address, `invalid_address`, `timeout`, `aborted`, `shutdown`
   */
  async resolve(seed: Seed, lookup: SeedLookup): Promise<readonly Address[]> {
    if (typeof seed === "string") return this.#resolveText(seed, lookup);
    const texts = await this.#askProvider(seed, lookup);
    const found = new Map<string, Address>();
    let failure: unknown;
    for (const text of texts) {
      try {
        for (const address of await this.#resolveText(text, lookup)) found.set(`${address.host} ${address.port}`, address);
      } catch (error) {
        if (isEnd(error)) throw error;
        const message = `could not resolve ${text}, returned by ${seedName(seed)}: ${errorMessage(error)}`;
        this.#options.log.warn("seed_resolve_failed", message, { seed: text });
        failure ??= error;
      }
    }
    if (found.size > 0) return [...found.values()];
    throw failure ?? new MemberlistError("resolve_failed", `${seedName(seed)} returned no seeds`);
  }

  async #resolveText(text: string, { timeLeft, signal }: SeedLookup): Promise<readonly Address[]> {
    const { config, transport, operations } = this.#options;
    const address = parseAddress(text, config.bindPort);
    if (isIp(address.host)) return [address];
    const timeout = timeLeft();
    const hosts = await operations.run<readonly string[]>(
      { what: `resolving ${address.host}`, timeout, signal },
      (resolve, reject) => {
        if (transport.resolve === undefined) {
          throw new MemberlistError(
            "resolve_failed",
            `this transport cannot resolve host names: pass a literal IP instead of ${address.host}`,
          );
        }
        transport.resolve(address.host, { dnsConfigPath: config.dnsConfigPath, timeout, signal }).then(resolve, reject);
      },
    );
    if (hosts.length === 0) throw new MemberlistError("resolve_failed", `${address.host} resolved to no address`);
    return hosts.map((host) => ({ ...address, host }));
  }

  async #askProvider(provider: SeedProvider, { timeLeft, signal }: SeedLookup): Promise<readonly string[]> {
    const { config, transport, operations } = this.#options;
    const timeout = timeLeft();
    const name = seedName(provider);
    const stop = new AbortController();
    const resolveSrv = async (service: string): Promise<SrvRecord[]> => {
      if (transport.resolveSrv === undefined) {
        throw new MemberlistError(
          "unsupported",
          `this transport cannot look up SRV records, so srvSeeds("${service}") does not work on it`,
        );
      }
      const options = { dnsConfigPath: config.dnsConfigPath, timeout: timeLeft(), signal: stop.signal };
      return await transport.resolveSrv(service, options);
    };
    const answer = await operations.run<unknown>({ what: `asking ${name} for seeds`, timeout, signal }, (resolve, reject) => {
      const ask = async (): Promise<unknown> => await provider({ signal: stop.signal, timeout, resolveSrv });
      ask().then(resolve, (error: unknown) => reject(providerFailed(name, error)));
      return () => stop.abort();
    });
    if (Array.isArray(answer) && answer.every((text) => typeof text === "string")) return answer;
    throw new MemberlistError("resolve_failed", `${name} must return a list of strings`);
  }
}

function providerFailed(name: string, error: unknown): MemberlistError {
  if (error instanceof MemberlistError && error.code !== "aborted") return error;
  return new MemberlistError("resolve_failed", `${name} failed: ${errorMessage(error)}`, { cause: error });
}

/** Whether the caller or a shutdown has ended the look-up: it tries no further name. */
function isEnd(error: unknown): boolean {
  return error instanceof MemberlistError && (error.code === "aborted" || error.code === "shutdown");
}

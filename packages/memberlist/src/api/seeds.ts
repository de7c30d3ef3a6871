import { formatAddress } from "./address.ts";
import { MemberlistError } from "./errors.ts";
import { describe } from "../util/describe.ts";
import type { SrvRecord } from "../ports/transport.ts";

/** The argument of a {@link SeedProvider}. */
export interface SeedRequest {
  /** Aborted when the timeout passes, the caller aborts the join, or the member shuts down. */
  readonly signal: AbortSignal;
  /** How long the answer may take, in ms. */
  readonly timeout: number;
  /**
   * Asks the transport for a service's SRV records.
   *
   * @throws MemberlistError `resolve_failed`, `timeout`, `aborted`, `shutdown`; `unsupported` where the transport cannot
   */
  resolveSrv(name: string): Promise<readonly SrvRecord[]>;
}

/**
 * Finds addresses of members, as strings for `join` (`host`, `host:port`, `name/host:port`). It is called again on each attempt. If it
 * returns none, or fails, only that attempt fails. Results have the function's name.
 */
export type SeedProvider = (request: SeedRequest) => readonly string[] | Promise<readonly string[]>;

/** An address, a host name (its A and AAAA records are looked up on each attempt), or a function that finds addresses. */
export type Seed = string | SeedProvider;

/**
 * A seed that looks up a service's SRV records on each attempt. It returns their hosts and ports by ascending priority, then by
 * descending weight.
 *
 * @param service such as `_memberlist._tcp.example.org`
 * @throws MemberlistError `invalid_argument`
 *
 * @example
 * await members.join([srvSeeds("_memberlist._tcp.example.org")]);
 */
export function srvSeeds(service: string): SeedProvider {
  if (typeof service !== "string" || service === "") {
    throw new MemberlistError(
      "invalid_argument",
      `srvSeeds: the service must be a string, not empty; it is ${describe(service)}`,
    );
  }
  const provider = async (request: SeedRequest): Promise<readonly string[]> => {
    const records = await request.resolveSrv(service);
    return records
      .filter(({ host }) => host !== "" && host !== ".")
      .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
      .map(({ host, port }) => formatAddress({ host: host.replace(/\.$/, ""), port }));
  };
  return Object.defineProperty(provider, "name", { value: `srv ${service}` });
}

/** The name of a seed in results and logs. */
export function seedName(seed: Seed): string {
  return typeof seed === "string" ? seed : seed.name || "(a seed provider)";
}

/** @throws MemberlistError `invalid_argument` */
export function checkSeeds(seeds: unknown): asserts seeds is readonly Seed[] {
  if (Array.isArray(seeds) && seeds.every((seed) => typeof seed === "string" || typeof seed === "function")) return;
  throw new MemberlistError("invalid_argument", "join: seeds must be a list of strings and of functions that find some");
}

import { formatAddress } from "./address.ts";
import { MemberlistError } from "./errors.ts";
import type { SrvRecord } from "../ports/transport.ts";

/** What a {@link SeedProvider} is handed. */
export interface SeedRequest {
  /** Aborted when nobody waits for the answer any more: the time is up, the join was aborted, the node shut down. */
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
 * Says where members may be found: texts as `join` takes them (`host`, `host:port`, `name/host:port`). It is asked again on each try; no
 * seeds, or a failure, fails that try alone. The function's name stands for it in results.
 */
export type SeedProvider = (request: SeedRequest) => readonly string[] | Promise<readonly string[]>;

/** An address or a host name (A and AAAA, looked up again on each try), or something that finds them. */
export type Seed = string | SeedProvider;

/**
 * The members that a service's SRV records name, with their ports, by ascending priority and then by descending weight.
 *
 * @param service such as `_memberlist._tcp.example.org`
 */
export function srvSeeds(service: string): SeedProvider {
  const provider = async (request: SeedRequest): Promise<readonly string[]> => {
    const records = await request.resolveSrv(service);
    return records
      .filter(({ host }) => host !== "" && host !== ".")
      .toSorted((a, b) => a.priority - b.priority || b.weight - a.weight)
      .map(({ host, port }) => formatAddress({ host: host.replace(/\.$/, ""), port }));
  };
  return Object.defineProperty(provider, "name", { value: `srv ${service}` });
}

/** What stands for a seed in results and logs. */
export function seedName(seed: Seed): string {
  return typeof seed === "string" ? seed : seed.name || "(a seed provider)";
}

/** @throws MemberlistError `invalid_argument` */
export function checkSeeds(seeds: unknown): asserts seeds is readonly Seed[] {
  if (Array.isArray(seeds) && seeds.every((seed) => typeof seed === "string" || typeof seed === "function")) return;
  throw new MemberlistError("invalid_argument", "join takes a list of addresses and of functions that find some");
}

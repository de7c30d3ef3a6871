import { readFile } from "node:fs/promises";
import { Resolver } from "node:dns/promises";
import { errorMessage, type ResolveOptions, type SrvRecord } from "@memberlist/core";
import { firstNameServer, systemConfigPath } from "@memberlist/core/internal";
import { failure, limited } from "./resolver.ts";

/**
 * The SRV records of a service. The system's name servers are asked, or the first one of another `options.dnsConfigPath`.
 *
 * @throws MemberlistError `resolve_failed`, `timeout` after `options.timeout` ms, `aborted`, or `shutdown`
 */
export async function resolveService(service: string, options: ResolveOptions, stop: AbortSignal): Promise<SrvRecord[]> {
  const giveUp = new AbortController();
  const limit = limited(service, options, stop, giveUp);
  const resolver = new Resolver();
  giveUp.signal.addEventListener("abort", () => resolver.cancel(), { once: true });
  try {
    return await Promise.race([limit.failed, lookUp(service, resolver, options.dnsConfigPath)]);
  } finally {
    limit.release();
    giveUp.abort();
  }
}

async function lookUp(service: string, resolver: Resolver, dnsConfigPath: string): Promise<SrvRecord[]> {
  try {
    if (dnsConfigPath !== "" && dnsConfigPath !== systemConfigPath) {
      const server = firstNameServer(await readFile(dnsConfigPath, { encoding: "utf8" }));
      if (server !== undefined) {
        const { host, port } = server;
        resolver.setServers([host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`]);
      }
    }
    const records = await resolver.resolveSrv(service.replace(/\.$/, ""));
    return records.map(({ name, port, priority, weight }) => ({ host: name, port, priority, weight }));
  } catch (error) {
    throw failure("resolve_failed", service, errorMessage(error), error);
  }
}

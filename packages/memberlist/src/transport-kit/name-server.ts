import { canonicalIp } from "../api/address.ts";

export interface NameServer {
  readonly host: string;
  readonly port: number;
}

/** The system's own configuration: all of its name servers and rules apply then. */
export const systemConfigPath = "/etc/resolv.conf";

/** More than any real resolv.conf has; a large file under a wrong path is not searched to its end. */
const configCharsMax = 64 * 1024;

/** The name servers of a resolv.conf, in their order: `1.2.3.4`, `1.2.3.4:53`, `::1`, or `[::1]:53`. @throws Error at one that is not understood */
export function* nameServers(config: string): Generator<NameServer, void> {
  for (const [keyword, value] of linesOf(config)) {
    if (keyword !== "nameserver" || value === undefined) continue;
    if (canonicalIp(value) === undefined) yield hostAndPort(value);
    else yield { host: value, port: 53 };
  }
}

/** The first of {@link nameServers}; undefined for a config without one. */
export function firstNameServer(config: string): NameServer | undefined {
  for (const server of nameServers(config)) return server;
  return undefined;
}

/** Every name that a system with this resolv.conf may ask for when it looks `host` up, each with a dot at its end. */
export function searchedNames(host: string, config: string): string[] {
  if (host.endsWith(".")) return [host];
  let domains: readonly string[] = [];
  for (const [keyword, ...values] of linesOf(config)) {
    // The last line counts.
    if (keyword === "search") domains = values;
    else if (keyword === "domain") domains = values.slice(0, 1);
  }
  const searched = domains.map((domain) => domain.replace(/\.$/, "")).filter((domain) => domain !== "");
  return [...new Set([`${host}.`, ...searched.map((domain) => `${host}.${domain}.`)])];
}

function linesOf(config: string): string[][] {
  return config
    .slice(0, configCharsMax)
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
}

function hostAndPort(value: string): NameServer {
  const parts = /^(?:\[(.+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(value);
  const host = parts?.[1] ?? parts?.[2];
  const port = parts?.[3] === undefined ? 53 : Number(parts[3]);
  if (host === undefined || port < 1 || port > 65535) throw new Error(`"nameserver ${value}" is not understood`);
  return { host, port };
}

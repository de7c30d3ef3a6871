import { lookup, Resolver } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { firstNameServer, onAbort, systemConfigPath, type NameResolver } from "@memberlist/core/internal";
import { queryAnyOverTcp } from "./dns-tcp.ts";

/** How Node looks names up. */
export const nodeNames: NameResolver = {
  async lookup(host) {
    const found = await lookup(host, { all: true, verbatim: true });
    return found.map((entry) => entry.address);
  },
  // Elsewhere the system may ask other name servers for some names than for others.
  ask: process.platform === "linux" ? (host, signal) => cancellable(signal, (resolver) => resolver.resolve4(host)) : undefined,
  hosts: () => readFile("/etc/hosts", "utf8"),
  resolvConf: () => readFile(systemConfigPath, "utf8"),
  // ANY over TCP: the way to the longest list where a UDP answer would be cut (Consul's DNS, say).
  async askNameServer(host, dnsConfigPath, signal) {
    const server = firstNameServer(await readFile(dnsConfigPath, { encoding: "utf8", signal }));
    return server === undefined ? [] : queryAnyOverTcp(host, server, signal);
  },
  services: (service, dnsConfigPath, signal) =>
    cancellable(signal, async (resolver) => {
      if (dnsConfigPath !== "" && dnsConfigPath !== systemConfigPath) {
        const server = firstNameServer(await readFile(dnsConfigPath, { encoding: "utf8", signal }));
        if (server !== undefined) {
          const { host, port } = server;
          resolver.setServers([host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`]);
        }
      }
      const records = await resolver.resolveSrv(service.replace(/\.$/, ""));
      return records.map(({ name, port, priority, weight }) => ({ host: name, port, priority, weight }));
    }),
};

async function cancellable<T>(signal: AbortSignal, ask: (resolver: Resolver) => Promise<T>): Promise<T> {
  const resolver = new Resolver();
  const stopListening = onAbort(signal, () => resolver.cancel());
  try {
    return await ask(resolver);
  } finally {
    stopListening();
  }
}

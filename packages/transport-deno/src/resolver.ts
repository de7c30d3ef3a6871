import { lookup } from "node:dns/promises";
import { firstNameServer, isIp, systemConfigPath, type NameResolver } from "@memberlist/core/internal";
import { requireFile } from "./permission.ts";

/**
 * How Deno looks names up. `lookup` reads the system's hosts file, too, which `Deno.resolveDns` does not, and needs no permission but
 * `--allow-net`. For the system's own `dnsConfigPath` Deno knows whom to ask.
 */
export const denoNames: NameResolver = {
  async lookup(host) {
    const found = await lookup(host, { all: true, verbatim: true });
    return found.map((entry) => entry.address);
  },
  // Elsewhere the system may ask other name servers for some names than for others.
  ask: Deno.build.os === "linux" ? (host, signal) => Deno.resolveDns(host, "A", { signal }) : undefined,
  async hosts() {
    await requireFile("/etc/hosts", "read");
    return Deno.readTextFile("/etc/hosts");
  },
  async askNameServer(host, dnsConfigPath, signal) {
    const nameServer = await nameServerOf(dnsConfigPath);
    if (nameServer === undefined) return [];
    const asked = (["A", "AAAA"] as const).map((type) => Deno.resolveDns(host, type, { nameServer, signal }));
    const answers = await Promise.allSettled(asked);
    return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  },
  async services(service, dnsConfigPath, signal) {
    const records = await Deno.resolveDns(service, "SRV", { nameServer: await nameServerOf(dnsConfigPath), signal });
    return records.map(({ target, port, priority, weight }) => ({ host: target.replace(/\.$/, ""), port, priority, weight }));
  },
};

/**
 * The first name server of a `dnsConfigPath`; undefined for the system's own path and for "".
 *
 * @throws Error where the file may not be read, cannot be read, or is not understood
 */
async function nameServerOf(dnsConfigPath: string): Promise<{ ipAddr: string; port: number } | undefined> {
  if (dnsConfigPath === "" || dnsConfigPath === systemConfigPath) return undefined;
  await requireFile(dnsConfigPath, "read");
  const server = firstNameServer(await Deno.readTextFile(dnsConfigPath));
  if (server === undefined) return undefined;
  if (!isIp(server.host)) throw new Error(`"nameserver ${server.host}" is not an IP address`);
  return { ipAddr: server.host, port: server.port };
}

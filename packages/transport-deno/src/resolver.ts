import { lookup } from "node:dns/promises";
import { formatAddress } from "@memberlist/core/transport";
import { firstNameServer, isIp, nameServers, systemConfigPath, type NameResolver } from "@memberlist/core/internal";
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
  ask: Deno.build.os === "linux" ? askNameServers : undefined,
  hosts: () => readFile("/etc/hosts"),
  resolvConf: () => readFile(systemConfigPath),
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
  const server = firstNameServer(await readFile(dnsConfigPath));
  if (server === undefined) return undefined;
  if (!isIp(server.host)) throw new Error(`"nameserver ${server.host}" is not an IP address`);
  return { ipAddr: server.host, port: server.port };
}

/** `Deno.resolveDns` does not distinguish a name that does not exist from one without an address of the type. */
async function askNameServers(name: string, signal: AbortSignal): Promise<void> {
  if (!(await mayAskNameServers())) return;
  try {
    await Deno.resolveDns(name, "A", { signal });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.resolveDns(name, "AAAA", { signal });
  }
}

/**
 * `Deno.resolveDns` needs the permission to reach the name servers. Without it, it would prompt, and block the program until somebody answers. `lookup`
 * does not need it.
 */
async function mayAskNameServers(): Promise<boolean> {
  if (await isGranted()) return true;
  try {
    const servers = [...nameServers(await readFile(systemConfigPath))];
    const granted = await Promise.all(servers.map((server) => isGranted(formatAddress(server))));
    return granted.length > 0 && granted.every(Boolean);
  } catch {
    return false;
  }
}

async function isGranted(host?: string): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "net", host });
  return state === "granted";
}

async function readFile(path: string): Promise<string> {
  await requireFile(path, "read");
  return Deno.readTextFile(path);
}

import { canonicalIp, firstNameServer, systemConfigPath } from "@memberlist/core/internal";
import { requireFile } from "./permission.ts";

/**
 * The first name server of a `dnsConfigPath`; undefined for the system's own path and for "", where Deno knows what to ask.
 *
 * @throws Error where the file may not be read, cannot be, or is not understood
 */
export async function nameServerOf(dnsConfigPath: string): Promise<{ ipAddr: string; port: number } | undefined> {
  if (dnsConfigPath === "" || dnsConfigPath === systemConfigPath) return undefined;
  await requireFile(dnsConfigPath, "read");
  const server = firstNameServer(await Deno.readTextFile(dnsConfigPath));
  if (server === undefined) return undefined;
  const ipAddr = canonicalIp(server.host);
  if (ipAddr === undefined) throw new Error(`"nameserver ${server.host}" is not an IP address`);
  return { ipAddr, port: server.port };
}

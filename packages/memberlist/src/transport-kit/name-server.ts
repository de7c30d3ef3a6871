import { canonicalIp } from "../api/address.ts";

export interface NameServer {
  readonly host: string;
  readonly port: number;
}

/** The system's own configuration: all of its name servers and rules apply then. */
export const systemConfigPath = "/etc/resolv.conf";

/** More than any real resolv.conf has; what a wrong path names is not searched to its end. */
const configCharsMax = 64 * 1024;

/** The first `nameserver` of a resolv.conf: `1.2.3.4`, `1.2.3.4:53`, `::1`, or `[::1]:53`; undefined when there is none. */
export function firstNameServer(config: string): NameServer | undefined {
  for (const line of config.slice(0, configCharsMax).split("\n")) {
    const [keyword, value] = line.trim().split(/\s+/);
    if (keyword !== "nameserver" || value === undefined) continue;
    if (canonicalIp(value) !== undefined) return { host: value, port: 53 };
    const parts = /^(?:\[(.+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(value);
    const host = parts?.[1] ?? parts?.[2];
    const port = parts?.[3] === undefined ? 53 : Number(parts[3]);
    if (host === undefined || port < 1 || port > 65535) throw new Error(`"nameserver ${value}" is not understood`);
    return { host, port };
  }
  return undefined;
}

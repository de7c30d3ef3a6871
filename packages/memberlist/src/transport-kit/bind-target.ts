import { canonicalIp } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";

export type IpFamily = 4 | 6;

/** The family of a canonical literal IP. */
export function familyOf(ip: string): IpFamily {
  return ip.includes(":") ? 6 : 4;
}

export function isWildcard(ip: string): boolean {
  return ip === "0.0.0.0" || ip === "::";
}

export function isLoopback(ip: string): boolean {
  return familyOf(ip) === 4 ? ip.startsWith("127.") : ip === "::1";
}

/** Removes the prefix with which a dual-stack socket reports an IPv4 peer (`::ffff:1.2.3.4`). Cheap, as it runs once per packet. */
export function withoutMapping(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

/** One address to bind. */
export interface BindTarget {
  /** Canonical. */
  readonly address: string;
  readonly family: IpFamily;
  /** False only for a `::` that is to serve IPv4 as well. */
  readonly ipv6Only: boolean;
}

/**
 * Decides how each address is bound. `::` alone among the IPv6 and IPv4 wildcards is dual stack: one socket serves both
 * families. As soon as an IPv4 address is bound next to it, it serves IPv6 only, since the kernel would refuse the overlap.
 *
 * @throws MemberlistError `invalid_argument` for an empty list, a name, or an address given twice
 */
export function planBind(bindAddrs: readonly string[]): BindTarget[] {
  if (bindAddrs.length === 0) throw new MemberlistError("invalid_argument", "bindAddrs: at least one address to bind is needed");
  const addresses = bindAddrs.map((text) => {
    const address = canonicalIp(text);
    if (address !== undefined) return address;
    throw new MemberlistError("invalid_argument", `bindAddrs: "${text}" is not a literal IPv4 or IPv6 address`, {
      details: { address: text },
    });
  });
  const twice = addresses.find((address, index) => addresses.indexOf(address) !== index);
  if (twice !== undefined) {
    throw new MemberlistError("invalid_argument", `bindAddrs: ${twice} is given twice`, { details: { address: twice } });
  }
  const withIpv4 = addresses.some((address) => familyOf(address) === 4);
  return addresses.map((address) => ({
    address,
    family: familyOf(address),
    ipv6Only: familyOf(address) === 6 && !(address === "::" && !withIpv4),
  }));
}

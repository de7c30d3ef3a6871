import ipaddr from "ipaddr.js";
import { canonicalIp } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";

/** A network: all addresses with the same first `bits` bits as `network`. */
export interface Cidr {
  readonly network: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
}

/**
 * Parses a CIDR such as `10.0.0.0/8` or `fd00::/8`, and ignores white space around it. Undefined if it is not a CIDR. An IPv4-mapped
 * network (`::ffff:10.0.0.0/104`) is the IPv4 network, as in Go.
 */
export function parseCidr(text: string): Cidr | undefined {
  const parts = /^([^/%]+)\/(\d{1,3})$/.exec(text.trim());
  const host = parts?.[1] ?? "";
  const ip = canonicalIp(host);
  if (ip === undefined) return undefined;
  const network = ipaddr.parse(ip);
  const mapped = network.kind() === "ipv4" && host.includes(":");
  const bits = Number(parts?.[2]) - (mapped ? 96 : 0);
  return bits >= 0 && bits <= (network.kind() === "ipv4" ? 32 : 128) ? { network, bits } : undefined;
}

/**
 * Parses a list of CIDRs.
 *
 * @throws MemberlistError `invalid_argument` with all entries that are not CIDRs
 */
export function parseCidrs(texts: readonly string[]): Cidr[] {
  const cidrs: Cidr[] = [];
  const wrong: string[] = [];
  for (const text of texts) {
    const cidr = parseCidr(text);
    if (cidr === undefined) wrong.push(text);
    else cidrs.push(cidr);
  }
  if (wrong.length > 0) {
    throw new MemberlistError("invalid_argument", `not a CIDR: ${wrong.map((text) => JSON.stringify(text)).join(", ")}`, {
      details: { cidrs: wrong },
    });
  }
  return cidrs;
}

/**
 * The addresses that members may have (`cidrsAllowed`). No list allows all addresses; an empty list allows none. A list of IPv4 networks
 * does not allow IPv6 addresses. Source: PROTOCOL.md sections 3 and 5.
 */
export class CidrAllowList {
  /** False if all addresses are allowed, so that callers can skip the check. */
  readonly restricts: boolean;
  readonly #cidrs: readonly Cidr[];

  /** @throws MemberlistError `invalid_argument` for an entry that is not a CIDR */
  constructor(cidrs: readonly string[] | undefined) {
    this.restricts = cidrs !== undefined;
    this.#cidrs = parseCidrs(cidrs ?? []);
  }

  /** @param ip a literal IP; IPv4-mapped IPv6 counts as IPv4. Any other string is allowed only if all addresses are */
  allows(ip: string): boolean {
    if (!this.restricts) return true;
    const canonical = canonicalIp(ip);
    if (canonical === undefined) return false;
    const address = ipaddr.parse(canonical);
    return this.#cidrs.some(({ network, bits }) => address.kind() === network.kind() && address.match(network, bits));
  }
}

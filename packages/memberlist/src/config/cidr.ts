import ipaddr from "ipaddr.js";
import { canonicalIp } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";

/** One network: every address whose first `bits` bits are those of `network`. */
export interface Cidr {
  readonly network: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
}

/**
 * Reads one CIDR, such as `10.0.0.0/8` or `fd00::/8`; white space around it does not count. Undefined when it is none. An
 * IPv4-mapped network (`::ffff:10.0.0.0/104`) is the IPv4 network, as for Go.
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
 * Reads a list of CIDRs.
 *
 * @throws MemberlistError `invalid_argument`, naming each that is none
 */
export function parseCidrs(texts: readonly string[]): Cidr[] {
  const parsed = texts.map(parseCidr);
  const wrong = texts.filter((_, index) => parsed[index] === undefined);
  if (wrong.length > 0) {
    throw new MemberlistError("invalid_argument", `not a CIDR: ${wrong.map((text) => JSON.stringify(text)).join(", ")}`, {
      details: { cidrs: wrong },
    });
  }
  return parsed.filter((cidr) => cidr !== undefined);
}

/**
 * Which addresses members may have (`cidrsAllowed`). No list allows all; a list only what is in it, an empty one nothing.
 * IPv4 and IPv6 are apart: a list of IPv4 networks allows no IPv6 address. Source: PROTOCOL.md sections 3 and 5.
 */
export class CidrAllowList {
  /** False when everything is allowed, so that a caller can spare itself the asking. */
  readonly restricts: boolean;
  readonly #cidrs: readonly Cidr[];

  /** @throws MemberlistError `invalid_argument` for an entry that is not a CIDR */
  constructor(cidrs: readonly string[] | undefined) {
    this.restricts = cidrs !== undefined;
    this.#cidrs = parseCidrs(cidrs ?? []);
  }

  /** @param ip a literal IP; IPv4-mapped IPv6 counts as IPv4; what is no IP is allowed only where everything is */
  allows(ip: string): boolean {
    if (!this.restricts) return true;
    const canonical = canonicalIp(ip);
    if (canonical === undefined) return false;
    const address = ipaddr.parse(canonical);
    return this.#cidrs.some(({ network, bits }) => address.kind() === network.kind() && address.match(network, bits));
  }
}

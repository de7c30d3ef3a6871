import ipaddr from "ipaddr.js";
import { canonicalIp } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import type { AdvertisedAddress } from "../ports/transport.ts";
import { familyOf, isWildcard, type BindTarget, type IpFamily } from "./bind-target.ts";

/** An address of an interface, in the shape that `os.networkInterfaces()` gives it. */
interface InterfaceAddress {
  readonly address: string;
  readonly internal: boolean;
}

/** The machine's network interfaces; tests inject them. */
export interface HostInterfaces {
  /** The addresses of the interfaces that are up, by the interface's name, as `os.networkInterfaces()` gives them. */
  list(): Readonly<Record<string, readonly InterfaceAddress[] | undefined>>;
  /** The interface of the default route, which is preferred; undefined when unknown. */
  defaultInterface(): Promise<string | undefined>;
}

interface AdvertiseRequest {
  /** The configured `advertiseAddr`, or "". */
  readonly addr: string;
  /** The configured `advertisePort`, or 0. */
  readonly port: number;
  readonly bound: readonly BindTarget[];
  readonly boundPort: number;
  /** Asked only when neither the configuration nor the bound address decides. */
  readonly host: HostInterfaces;
}

interface Candidate {
  readonly interface: string;
  readonly address: string;
  readonly family: IpFamily;
  /** The cause for not taking it; "" when it may be taken. */
  readonly reason: string;
}

/**
 * The address that others should use, in this order:
 *
 * 1. the configured one, a literal IP that is neither unspecified nor multicast;
 * 2. the first bound address, unless it is a wildcard;
 * 3. the first private address (RFC 1918, 6598, 2544; ULA in IPv6) of an interface that is up, that of the default route first.
 *    `0.0.0.0` looks for IPv4; `::` for IPv6 and, where it is dual stack, then IPv4.
 *
 * Port: the configured one when > 0, else the bound one.
 *
 * @throws MemberlistError `advertise_address_failed`; `details.candidates` and the message list the candidates with their problems
 */
export async function chooseAdvertiseAddress(request: AdvertiseRequest): Promise<AdvertisedAddress> {
  const port = request.port > 0 ? request.port : request.boundPort;
  if (request.addr !== "") return { addr: configured(request.addr), port };
  const first = request.bound[0];
  if (first !== undefined && !isWildcard(first.address)) return { addr: first.address, port };
  return { addr: await privateAddress(request.bound, request.host), port };
}

/**
 * The address of one interface: IPv4 unless only IPv6 is bound, and IPv6 first where `::` is bound. It skips link-local addresses, which
 * others cannot use without a zone.
 *
 * @param bindAddr the configured `bindAddr`
 * @throws MemberlistError `advertise_address_failed`; `details.interfaces` and the message list the names of all interfaces
 */
export function interfaceAddress(host: HostInterfaces, name: string, bindAddr: string): string {
  const interfaces = host.list();
  const addresses = (interfaces[name] ?? [])
    .map(({ address }) => canonicalIp(address))
    .filter((address) => address !== undefined && ipaddr.parse(address).range() !== "linkLocal") as string[];
  const ipv4 = addresses.find((address) => familyOf(address) === 4);
  const ipv6 = addresses.find((address) => familyOf(address) === 6);
  const canonical = canonicalIp(bindAddr) ?? "0.0.0.0";
  const chosen = familyOf(canonical) === 4 ? ipv4 : (ipv6 ?? (isWildcard(canonical) ? ipv4 : undefined));
  if (chosen !== undefined) return chosen;
  const names = Object.keys(interfaces);
  // The message shows the name of an existing interface only: a wrong variable may contain a secret.
  const problem = names.includes(name)
    ? `the interface ${name} has no address that fits ${bindAddr}`
    : "no interface has this name";
  throw new MemberlistError("advertise_address_failed", `${problem}; interfaces that are up: ${names.join(", ") || "none"}`, {
    details: { interfaces: names },
  });
}

function configured(text: string): string {
  const addr = canonicalIp(text);
  const wrong = (why: string): MemberlistError =>
    new MemberlistError("advertise_address_failed", `advertiseAddr "${text}" ${why}`, { details: { addr: text } });
  if (addr === undefined) throw wrong("is not a literal IPv4 or IPv6 address");
  const range = ipaddr.parse(addr).range();
  if (range === "unspecified" || range === "multicast" || range === "broadcast")
    throw wrong(`is ${range}: no node can be reached at it`);
  return addr;
}

async function privateAddress(bound: readonly BindTarget[], host: HostInterfaces): Promise<string> {
  const families = wantedFamilies(bound);
  const preferred = await host.defaultInterface();
  const candidates = Object.entries(host.list())
    .flatMap(([name, infos]) => (infos ?? []).map((info) => judge(name, info, families)))
    .sort((a, b) => Number(b.interface === preferred) - Number(a.interface === preferred));
  for (const family of families) {
    const taken = candidates.find((candidate) => candidate.family === family && candidate.reason === "");
    if (taken !== undefined) return taken.address;
  }
  const list = candidates.map((candidate) => `${candidate.interface} ${candidate.address} (${candidate.reason})`).join(", ");
  const names = bound.map((target) => target.address).join(", ");
  const message = `bound to ${names}, and no private address to advertise was found: set advertiseAddr (or MEMBERLIST_ADVERTISE). Candidates: ${list || "none"}`;
  throw new MemberlistError("advertise_address_failed", message, {
    details: { candidates: candidates.map(({ interface: name, address, reason }) => ({ interface: name, address, reason })) },
  });
}

/** In the order of preference. */
function wantedFamilies(bound: readonly BindTarget[]): IpFamily[] {
  const families = new Set<IpFamily>();
  for (const target of bound) {
    if (!isWildcard(target.address)) continue;
    families.add(target.family);
    if (target.family === 6 && !target.ipv6Only) families.add(4);
  }
  return [...families];
}

function judge(name: string, info: InterfaceAddress, families: readonly IpFamily[]): Candidate {
  const address = canonicalIp(info.address) ?? info.address;
  const family = familyOf(address);
  return { interface: name, address, family, reason: objection(info, address, family, families) };
}

function objection(info: InterfaceAddress, address: string, family: IpFamily, families: readonly IpFamily[]): string {
  if (!ipaddr.isValid(address)) return "not understood";
  const range = ipaddr.parse(address).range();
  if (info.internal || range === "loopback") return "loopback";
  if (range === "linkLocal") return "link-local";
  if (range === "unicast") return "public";
  const benchmarking = family === 4 && /^198\.1[89]\./.test(address);
  const isPrivate = range === "private" || range === "carrierGradeNat" || range === "uniqueLocal" || benchmarking;
  if (!isPrivate) return `not private: ${range}`;
  return families.includes(family) ? "" : `IPv${family}, which is not bound`;
}

/** Whether an interface that is up has this canonical IP; undefined where the interfaces cannot be listed. Never throws. */
export function machineHas(host: HostInterfaces, addr: string): boolean | undefined {
  try {
    const infos = Object.values(host.list()).flatMap((list) => list ?? []);
    return infos.some(({ address }) => canonicalIp(address) === addr);
  } catch {
    return undefined;
  }
}

/** The interface of the route to 0.0.0.0/0 with the lowest metric, in Linux's table of IPv4 routes. */
export function defaultRoute(table: string): string | undefined {
  let best: { name: string; metric: number } | undefined;
  for (const line of table.split("\n").slice(1)) {
    const [name, destination, , , , , metricText, mask] = line.trim().split(/\s+/);
    if (name === undefined || destination !== "00000000" || mask !== "00000000") continue;
    const metric = Number(metricText);
    if (best === undefined || metric < best.metric) best = { name, metric };
  }
  return best?.name;
}

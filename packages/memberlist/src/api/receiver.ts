import { isIp, parseAddress, type Address } from "./address.ts";
import { MemberlistError } from "./errors.ts";
import type { Node } from "./node.ts";
import { describe } from "../util/describe.ts";

/**
 * The receiver of a message or a ping:
 *
 * - a member: a `Node` from `members()`, `get(name)` or an event;
 * - a member's name, such as `"web-1"`;
 * - an address as a string: `host:port`, `name/host:port`, or a literal IP (port: `bindPort`);
 * - an address as an object: `{ host, port, name }`, where `name` may be "".
 *
 * A literal IP, or a string with ":" or "/", is an address. If a member's name looks like an address, pass `members.get(name)`.
 */
export type Receiver = Node | Address | string;

/**
 * @param find returns the member of a name
 * @param defaultPort the port of an address without one
 * @throws MemberlistError `member_not_found`, `invalid_address`, `invalid_argument`
 */
export function findReceiver(to: Receiver, find: (name: string) => Node | undefined, defaultPort: number): Node | Address {
  if (typeof to === "string") {
    if (isAddress(to)) return parseAddress(to, defaultPort);
    const node = find(to);
    if (node !== undefined) return node;
    throw new MemberlistError(
      "member_not_found",
      `no member is named ${describe(to)}: look at members(), or pass an address such as host:port`,
      { details: { name: to } },
    );
  }
  if (isEndpoint(to)) return to;
  // Often an undefined result of `members().find(…)`.
  throw new MemberlistError("invalid_argument", `a receiver must be a member, its name, or an address; it is ${describe(to)}`);
}

/** The address of a result of {@link findReceiver}: a copy, because the caller may change its object before the packet is sent. */
export function addressOfReceiver(to: Node | Address): Address {
  return { host: "host" in to ? to.host : to.addr, port: to.port, name: to.name };
}

/** Hosts that are literal IPs. Parsing one of IPv6 takes longer than sending a message to it. */
const literalHosts: Set<string> = new Set();
const literalHostsMax = 4_096;

/**
 * As {@link addressOfReceiver}, for a packet.
 *
 * @throws MemberlistError `invalid_address` for a host that is not a literal IP
 */
export function packetAddressOf(to: Node | Address): Address {
  const address = addressOfReceiver(to);
  const { host } = address;
  if (literalHosts.has(host)) return address;
  if (!isIp(host)) {
    throw new MemberlistError("invalid_address", `a packet needs a literal IP; the host is ${host}`, { details: { address } });
  }
  if (literalHosts.size === literalHostsMax) literalHosts.clear();
  literalHosts.add(host);
  return address;
}

/** Callers in plain JavaScript may pass anything. */
function isEndpoint(to: unknown): boolean {
  if (typeof to !== "object" || to === null) return false;
  const { host, addr, port, name } = to as Partial<Node & Address>;
  return typeof (host ?? addr) === "string" && typeof name === "string" && Number.isInteger(port);
}

function isAddress(text: string): boolean {
  return text === "" || text.includes(":") || text.includes("/") || isIp(text);
}

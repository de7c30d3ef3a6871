import ipaddr from "ipaddr.js";
import { MemberlistError } from "./errors.ts";

/**
 * The address of a node. `host` is a literal IP (or a host name if the transport resolves names itself). `name` is the node's name, or
 * "".
 */
export interface Address {
  /** A literal IP, or a host name if the transport resolves names itself. */
  readonly host: string;
  /** From 1 to 65535. */
  readonly port: number;
  /** The node's name; "" if it is unknown. */
  readonly name: string;
}

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const dottedQuad: RegExp = new RegExp(`^${octet}(?:\\.${octet}){3}$`);
const dottedTail: RegExp = new RegExp(`:(${octet})\\.(${octet})\\.(${octet})\\.(${octet})(%.*)?$`);
/** Characters that no host name has: white space, controls, and the delimiters of an address. */
const notInHost: RegExp = /[\s\p{Cc}[\]/]/u;

/** Whether `host` is a literal IP: IPv4 of four decimal parts, or IPv6 with or without a zone; no brackets. */
export function isIp(host: string): boolean {
  return canonicalIp(host) !== undefined;
}

/**
 * The canonical form of a literal IP: dotted IPv4 (also for IPv4-mapped IPv6), or IPv6 by RFC 5952 (lower case, longest run of zeros
 * shortened) with its zone. Undefined if `host` is not a literal IP.
 */
export function canonicalIp(host: string): string | undefined {
  if (dottedQuad.test(host)) return host;
  if (!host.includes(":")) return undefined;
  const text = withoutDots(host);
  if (text === undefined || !ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** IPv6 with a dotted tail as plain groups: ipaddr.js reads `::1.2.3.4` as if it were mapped. Undefined for a malformed tail. */
function withoutDots(host: string): string | undefined {
  const zone = host.indexOf("%");
  const dot = host.indexOf(".");
  if (dot < 0 || (zone >= 0 && zone < dot)) return host;
  const tail = dottedTail.exec(host);
  if (tail === null) return undefined;
  const group = (high: string | undefined, low: string | undefined): string => (Number(high) * 256 + Number(low)).toString(16);
  return `${host.slice(0, tail.index)}:${group(tail[1], tail[2])}:${group(tail[3], tail[4])}${tail[5] ?? ""}`;
}

/** Whether a canonical IP can be reached from the whole Internet. */
export function isPublicIp(ip: string): boolean {
  return ipaddr.parse(ip).range() === "unicast";
}

/** `host:port`, with brackets around an IPv6 host. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `1.2.3.4:7946` or `[::1]:7946`; the node's name is not part of it. */
export function formatAddress(address: Pick<Address, "host" | "port">): string {
  return hostPort(address.host, address.port);
}

/**
 * Parses `host`, `host:port`, `[v6]`, `[v6]:port` or a bare `v6` without a port. A node name may precede each: `name/host:port`. It
 * returns an IP in its canonical form. Source: PROTOCOL.md section 5, Join.
 *
 * @param defaultPort the port if `text` has none
 * @throws MemberlistError `invalid_address`, with the string in `details.address`
 */
export function parseAddress(text: string, defaultPort: number): Address {
  const slash = text.indexOf("/");
  if (slash === 0) throw invalid(text, "the node name before the slash is empty");
  const name = slash < 0 ? "" : text.slice(0, slash);
  const [hostText, portText] = splitPort(text, text.slice(slash + 1));
  const port = portText === undefined ? defaultPort : parsePort(text, portText);
  return { host: checkHost(text, hostText), port, name };
}

/** As in Go, one colon outside brackets precedes a port; more than one is IPv6. */
function splitPort(whole: string, text: string): [host: string, port: string | undefined] {
  if (text.startsWith("[")) {
    const end = text.indexOf("]");
    if (end < 0) throw invalid(whole, "the bracket is not closed");
    const rest = text.slice(end + 1);
    if (rest === "") return [text.slice(1, end), undefined];
    if (!rest.startsWith(":")) throw invalid(whole, "only a port may follow the bracket");
    return [text.slice(1, end), rest.slice(1)];
  }
  const colon = text.indexOf(":");
  if (colon < 0 || text.includes(":", colon + 1)) return [text, undefined];
  return [text.slice(0, colon), text.slice(colon + 1)];
}

function parsePort(whole: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw invalid(whole, "the port must be a number from 1 to 65535");
  return port;
}

function checkHost(whole: string, host: string): string {
  if (host === "") throw invalid(whole, "the host is empty");
  const ip = canonicalIp(host);
  if (ip !== undefined) return ip;
  if (host.includes(":")) throw invalid(whole, "the host is not a valid IPv6 address");
  if (notInHost.test(host)) throw invalid(whole, "the host has a character that no host has");
  return host;
}

function invalid(text: string, reason: string): MemberlistError {
  return new MemberlistError("invalid_address", `invalid address ${JSON.stringify(text)}: ${reason}`, {
    details: { address: text, reason },
  });
}

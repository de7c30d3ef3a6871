import { canonicalIp, type Address } from "../api/address.ts";
import { MemberlistError } from "../api/errors.ts";
import { familyOf, isLoopback, isWildcard, type BindTarget } from "./bind-target.ts";

/** How a receiver is reached: by which socket, and how that socket spells its address. */
interface Route<Socket> {
  readonly socket: Socket;
  readonly host: string;
}

const routesMax = 8192;

/** Which of a transport's bound UDP sockets reaches a host. */
export class RouteTable<Socket extends { readonly target: BindTarget }> {
  readonly #sockets: readonly Socket[];
  readonly #routes: Map<string, Route<Socket>> = new Map();

  constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets;
  }

  /** Undefined: no socket reaches it, or it is not a literal IP. The answer is kept, since each packet asks for it. */
  find(host: string): Route<Socket> | undefined {
    const known = this.#routes.get(host);
    if (known !== undefined) return known;
    const route = findRoute(host, this.#sockets);
    if (this.#routes.size >= routesMax) this.#routes.clear();
    if (route !== undefined) this.#routes.set(host, route);
    return route;
  }
}

/** The error of a packet that cannot be sent, `send_failed`; undefined when it can. */
export function packetObjection(packet: Uint8Array, to: Address, hasRoute: boolean): MemberlistError | undefined {
  const details = { host: to.host, port: to.port };
  const refuse = (why: string): MemberlistError =>
    new MemberlistError("send_failed", `sending a packet to ${to.host} port ${to.port}: ${why}`, { details });
  if (!hasRoute) return refuse(canonicalIp(to.host) === undefined ? "not a literal IP" : "no address of that family is bound");
  if (packet.byteLength === 0) return refuse("the packet is empty");
  if (!Number.isInteger(to.port) || to.port < 1 || to.port > 65_535) return refuse("not a port");
  return undefined;
}

/**
 * An IPv4 receiver: a socket of IPv4, else a dual-stack one of IPv6, which wants the IPv4-mapped spelling. Among several: a
 * wildcard or one on the same side of loopback as the receiver (the kernel refuses 127.0.0.1 to 10.0.0.1), else the first.
 */
function findRoute<Socket extends { readonly target: BindTarget }>(
  text: string,
  sockets: readonly Socket[],
): Route<Socket> | undefined {
  const host = canonicalIp(text);
  if (host === undefined) return undefined;
  const fitting = sockets.filter((socket) => socket.target.family === familyOf(host));
  const socket = fitting.find((one) => reaches(one.target.address, host)) ?? fitting[0];
  if (socket !== undefined) return { socket, host };
  const dual = familyOf(host) === 4 ? sockets.find((one) => one.target.family === 6 && !one.target.ipv6Only) : undefined;
  return dual === undefined ? undefined : { socket: dual, host: `::ffff:${host}` };
}

function reaches(bound: string, host: string): boolean {
  return isWildcard(bound) || isLoopback(bound) === isLoopback(host);
}

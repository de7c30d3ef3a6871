import { formatAddress, parseAddress, type Address } from "../api/address.ts";

/** One node (a transport, an address, or `host:port`), or all of a host (its IP). */
export type Endpoint = string | Place;

type Place = Pick<Address, "host" | "port">;

/** What is stopped on the way from one node to another. */
export interface BlockOptions {
  /** Default true. */
  readonly packets?: boolean;
  /** Default true. */
  readonly streams?: boolean;
}

export type TrafficKind = "packets" | "streams";

/** Which ways are blocked, each in one direction. */
export class BlockTable {
  readonly #blocked: Map<string, Required<BlockOptions>> = new Map();

  block(from: Endpoint, to: Endpoint, { packets = true, streams = true }: BlockOptions): void {
    const way = wayKey(endpointKey(from), endpointKey(to));
    const before = this.#blocked.get(way);
    this.#blocked.set(way, { packets: packets || before?.packets === true, streams: streams || before?.streams === true });
  }

  unblock(from: Endpoint, to: Endpoint): void {
    this.#blocked.delete(wayKey(endpointKey(from), endpointKey(to)));
  }

  clear(): void {
    this.#blocked.clear();
  }

  isBlocked(from: Place, to: Place, kind: TrafficKind): boolean {
    if (this.#blocked.size === 0) return false;
    const targets = [formatAddress(to), to.host];
    return [formatAddress(from), from.host].some((source) =>
      targets.some((target) => this.#blocked.get(wayKey(source, target))?.[kind] === true),
    );
  }
}

export function endpointKey(endpoint: Endpoint): string {
  if (typeof endpoint !== "string") return formatAddress(endpoint);
  const { host, port } = parseAddress(endpoint, 0);
  return port === 0 ? host : formatAddress({ host, port });
}

function wayKey(from: string, to: string): string {
  return `${from} > ${to}`;
}

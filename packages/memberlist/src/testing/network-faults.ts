import type { Random } from "../ports/random.ts";
import { boolean, type Rule, type Rules } from "../util/value-rules.ts";
import { formatAddress, parseAddress, type Address } from "../api/address.ts";

/** Further faults of a network. They apply to all traffic, and are off by default. */
export interface TrafficFaults {
  /** The share of packets that arrive twice, 0 to 1. */
  readonly duplicate?: number;
  /** The share of packets that are held back by up to `reorderDelay`, so that later ones overtake them, 0 to 1. */
  readonly reorder?: number;
  /** In ms. Default 50. */
  readonly reorderDelay?: number;
  /** Packets of more bytes than this are lost. */
  readonly mtu?: number;
  /** The bytes per second that each node can send, packets and streams together. Further bytes wait. */
  readonly bandwidth?: number;
  /** The delay of a lost piece of a stream, in ms. It doubles each time the piece is lost again. Default 0: streams see no loss. */
  readonly retransmitDelay?: number;
}

/** The share of packets that are lost, 0 to 1: everywhere the same, or as the function says for the way. */
export type Loss = number | ((from: Address, to: Address) => number);

export const lossRule: Rule = {
  expected: "a number from 0 to 1, or a function that returns one",
  accepts: (value) => typeof value === "function" || (typeof value === "number" && value >= 0 && value <= 1),
};

const share: Rule = { expected: "a number from 0 to 1", accepts: (value) => isAmount(value) && (value as number) <= 1 };
const amount: Rule = { expected: "a number from 0", accepts: isAmount };

export const trafficFaultRules: Rules<TrafficFaults> = {
  duplicate: share,
  reorder: share,
  reorderDelay: amount,
  mtu: amount,
  bandwidth: amount,
  retransmitDelay: amount,
};

function isAmount(value: unknown): boolean {
  return typeof value === "number" && value >= 0;
}

const defaultReorderDelay = 50;
/** A piece of a stream gets through after so many losses at the latest, so that a loss of 1 does not loop without end. */
const maxRetransmits = 6;

/** Draws what happens to each packet and each piece of a stream. Randomness is drawn only for faults that are on. */
export class FaultDice {
  readonly #random: Random;
  /** When each sender's line is free again, in ms. */
  readonly #freeAt: Map<string, number> = new Map();
  faults: TrafficFaults = {};
  loss: Loss = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  isLost(from: Address, to: Address): boolean {
    return this.#chance(this.#lossOf(from, to));
  }

  isOverMtu(bytes: number): boolean {
    return bytes > (this.faults.mtu ?? Infinity);
  }

  isDuplicated(): boolean {
    return this.#chance(this.faults.duplicate);
  }

  /** How much longer a packet takes because others overtake it, in ms. */
  holdBack(): number {
    const { reorder, reorderDelay = defaultReorderDelay } = this.faults;
    return this.#chance(reorder) ? this.#random.next() * reorderDelay : 0;
  }

  /** How long `bytes` take until they are out on the sender's line, in ms, after what is on it already. */
  lineTime(sender: string, bytes: number, now: number): number {
    const { bandwidth } = this.faults;
    if (bandwidth === undefined || bytes === 0) return 0;
    const free = Math.max(this.#freeAt.get(sender) ?? 0, now) + (bytes * 1000) / bandwidth;
    this.#freeAt.set(sender, free);
    return free - now;
  }

  /** The delay by losses of one piece of a stream, in ms. */
  retransmits(from: Address, to: Address): number {
    const { retransmitDelay = 0 } = this.faults;
    if (retransmitDelay === 0) return 0;
    const loss = this.#lossOf(from, to);
    if (loss <= 0) return 0;
    let delay = 0;
    for (let i = 0; i < maxRetransmits && this.#random.next() < loss; i++) delay += retransmitDelay * 2 ** i;
    return delay;
  }

  #lossOf(from: Address, to: Address): number {
    return typeof this.loss === "number" ? this.loss : this.loss(from, to);
  }

  #chance(share: number | undefined): boolean {
    return share !== undefined && share > 0 && this.#random.next() < share;
  }
}

/** One node (a transport, an address, or `host:port`), or all of a host (its IP). */
export type Endpoint = string | Place;

type Place = Pick<Address, "host" | "port">;

/** The traffic that is stopped from one node to another. */
export interface BlockOptions {
  /** Default true. */
  readonly packets?: boolean;
  /** Default true. */
  readonly streams?: boolean;
}

export const blockRules: Rules<BlockOptions> = { packets: boolean, streams: boolean };

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

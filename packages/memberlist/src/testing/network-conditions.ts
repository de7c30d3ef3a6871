import { formatAddress, parseAddress, type Address } from "../api/address.ts";
import type { Random } from "../ports/random.ts";
import { boolean, type Rule, type Rules } from "../util/value-rules.ts";

/** In ms: always the same, uniform between two bounds, or as the function returns for a sender and a receiver. */
export type Latency = number | readonly [min: number, max: number] | ((from: Address, to: Address) => number);

/** The share of packets that are lost, 0 to 1: always the same, or as the function returns for a sender and a receiver. */
export type Loss = number | ((from: Address, to: Address) => number);

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

export const latencyRule: Rule = {
  expected: "a number of ms from 0, [min, max] of such numbers, or a function that returns one",
  accepts: (value) =>
    typeof value === "function" ||
    isDelay(value) ||
    (Array.isArray(value) && value.length === 2 && value.every(isDelay) && value[0] <= value[1]),
};

export const lossRule: Rule = {
  expected: "a number from 0 to 1, or a function that returns one",
  accepts: (value) => typeof value === "function" || isShare(value),
};

const share: Rule = { expected: "a number from 0 to 1", accepts: isShare };
const delay: Rule = { expected: "a number of ms from 0", accepts: isDelay };
const size: Rule = { expected: "a number over 0", accepts: (value) => typeof value === "number" && value > 0 };

export const trafficFaultRules: Rules<TrafficFaults> = {
  duplicate: share,
  reorder: share,
  reorderDelay: delay,
  mtu: size,
  bandwidth: size,
  retransmitDelay: delay,
};

function isShare(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value <= 1;
}

function isDelay(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < Infinity;
}

const defaultReorderDelay = 50;
/** A piece of a stream gets through after so many losses at the latest, so that a loss of 1 does not loop without end. */
const maxRetransmits = 6;

/** Draws the delays and the faults of each packet and each piece of a stream. It draws a random number only for conditions that need one. */
export class NetworkConditions {
  readonly #random: Random;
  /** When each sender's line is free again, in ms. */
  readonly #freeAt: Map<string, number> = new Map();
  latency: Latency = 1;
  /** Undefined: as {@link latency}. */
  streamLatency: Latency | undefined;
  loss: Loss = 0;
  faults: TrafficFaults = {};

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

  /** The latency of a packet, and its delay by reordering, in ms. */
  packetDelay(from: Address, to: Address): number {
    const { reorder, reorderDelay = defaultReorderDelay } = this.faults;
    const latency = this.#draw(this.latency, from, to);
    return latency + (this.#chance(reorder) ? this.#random.next() * reorderDelay : 0);
  }

  /** The latency of a piece of a stream, and its delay by losses, in ms. */
  pieceDelay(from: Address, to: Address): number {
    return this.#draw(this.streamLatency ?? this.latency, from, to) + this.#retransmits(from, to);
  }

  /** The time until the sender's line has sent `bytes`, after the bytes that wait already, in ms. */
  lineTime(sender: string, bytes: number, now: number): number {
    const { bandwidth } = this.faults;
    if (bandwidth === undefined || bytes === 0) return 0;
    const free = Math.max(this.#freeAt.get(sender) ?? 0, now) + (bytes * 1000) / bandwidth;
    this.#freeAt.set(sender, free);
    return free - now;
  }

  #draw(latency: Latency, from: Address, to: Address): number {
    if (typeof latency === "number") return latency;
    if (typeof latency === "function") return latency(from, to);
    return latency[0] + this.#random.next() * (latency[1] - latency[0]);
  }

  #retransmits(from: Address, to: Address): number {
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

/** The blocked pairs of sender and receiver. */
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

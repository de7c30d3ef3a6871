import type { Crypto, Random } from "@memberlist/core";
import { checkOptions, isObject, type Rules } from "@memberlist/core/internal";
import {
  MemoryNetwork,
  type BlockOptions,
  type Loss,
  type MemoryNetworkStats,
  type MemoryTransport,
  type TrafficFaults,
  type VirtualClock,
} from "@memberlist/core/testing";
import { latencyModelRule, latencyOf, type LatencyModel } from "./latency.ts";
import type { NodeClock } from "./node-clock.ts";
import { simCrypto } from "./sim-crypto.ts";

/** Options of the virtual network. */
export interface SimNetworkOptions {
  /** One way. Default 1 ms. */
  readonly latency?: LatencyModel;
  /** The share of packets that are lost, 0 to 1. Default 0. A lost segment of a stream is sent again after `retransmitDelay`. */
  readonly loss?: Loss;
  /** Default: no faults. The default of `retransmitDelay` is 200 ms. */
  readonly faults?: TrafficFaults;
}

/** The memory network checks the range of the loss, and each fault. */
export const simNetworkRules: Rules<SimNetworkOptions> = {
  latency: latencyModelRule,
  loss: {
    expected: "a number from 0 to 1, or a function that returns one",
    accepts: (value) => typeof value === "number" || typeof value === "function",
  },
  faults: { expected: "an object", accepts: isObject },
};

const defaultRetransmitDelay = 200;

/** The network of a simulation. Its methods name nodes, not addresses. Each name has an IP, which the node keeps when it restarts. */
export class SimNetwork {
  readonly #memory: MemoryNetwork;
  readonly #random: Random;
  readonly #crypto: Crypto;
  readonly #hosts: Map<string, string> = new Map();

  /** @param nonces draws the nonces of encryption. Its seed is a separate one, because runs without encryption draw no nonces. */
  constructor(clock: VirtualClock, random: Random, nonces: Random, options: SimNetworkOptions) {
    this.#random = random;
    this.#crypto = simCrypto(nonces);
    this.#memory = new MemoryNetwork({ clock, random, latency: latencyOf(options.latency ?? 1, random), loss: options.loss });
    this.setFaults(options.faults ?? {});
  }

  /** The traffic so far. */
  get stats(): Readonly<MemoryNetworkStats> {
    return this.#memory.stats;
  }

  /** Blocks all traffic between two groups of nodes, in both directions. The default `groupB` is all other nodes. */
  partition(groupA: readonly string[], groupB?: readonly string[]): void {
    const others = groupB ?? [...this.#hosts.keys()].filter((name) => !groupA.includes(name));
    this.#memory.partition(groupA.map(this.#hostOf), others.map(this.#hostOf));
  }

  /** Stops packets, streams or (by default) both from one node to another, in this direction only. */
  block(from: string, to: string, options: BlockOptions = {}): void {
    this.#memory.block(this.#hostOf(from), this.#hostOf(to), options);
  }

  /** Ends a block from one node to another. */
  unblock(from: string, to: string): void {
    this.#memory.unblock(this.#hostOf(from), this.#hostOf(to));
  }

  /** Ends all blocks and partitions. Streams continue with the bytes that waited. */
  heal(): void {
    this.#memory.heal();
  }

  /** Replaces the latency of all packets and streams that are sent from now on. */
  setLatency(latency: LatencyModel): void {
    checkOptions("SimNetwork.setLatency", { latency }, { latency: latencyModelRule });
    this.#memory.setLatency(latencyOf(latency, this.#random));
  }

  /** Replaces the loss of packets: a share from 0 to 1, or a function of sender and receiver. */
  setLoss(loss: Loss): void {
    this.#memory.setLoss(loss);
  }

  /** Replaces all faults that were set before. */
  setFaults(faults: TrafficFaults): void {
    this.#memory.setFaults({ retransmitDelay: defaultRetransmitDelay, ...faults });
  }

  /** Sets the addresses of a DNS name, as names of nodes or IPs. An empty list makes it unknown. */
  setHost(dnsName: string, nodes: readonly string[]): void {
    this.#memory.setHost(
      dnsName,
      nodes.map((node) => this.#hosts.get(node) ?? node),
    );
  }

  /** Makes a transport for a node, on the IP of its first life. For the simulation. */
  attach(name: string, clock: NodeClock): MemoryTransport {
    const transport = this.#memory.transport({ host: this.#hosts.get(name), clock, crypto: this.#crypto });
    this.#hosts.set(name, transport.host);
    return transport;
  }

  readonly #hostOf = (name: string): string => {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`no node ${name}`);
    return host;
  };
}

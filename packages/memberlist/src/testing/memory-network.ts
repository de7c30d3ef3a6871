import { canonicalIp, hostPort, type Address } from "../api/address.ts";
import { checkOptions } from "../api/check-arguments.ts";
import { MemberlistError } from "../api/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Crypto } from "../ports/crypto.ts";
import type { Random } from "../ports/random.ts";
import type { SrvRecord } from "../ports/transport.ts";
import { clockRule, integer, randomRule, shape, text, type Rules } from "../util/value-rules.ts";
import { memoryStreamPair, type MemoryLink, type MemoryStream } from "./memory-stream.ts";
import { MemoryTransport, type MemoryFabric } from "./memory-transport.ts";
import {
  blockRules,
  BlockTable,
  endpointKey,
  latencyRule,
  lossRule,
  NetworkConditions,
  trafficFaultRules,
  type BlockOptions,
  type Endpoint,
  type Latency,
  type Loss,
  type TrafficFaults,
} from "./network-conditions.ts";

/** How a {@link MemoryNetwork} behaves. */
export interface MemoryNetworkOptions {
  /** The clock by which the network delivers; usually a {@link VirtualClock}. */
  readonly clock: Clock;
  /** The randomness of loss and latency; usually a {@link SeededRandom}. */
  readonly random: Random;
  /** One way, for packets. Default 1 ms. */
  readonly latency?: Latency;
  /** Default 0. */
  readonly loss?: Loss;
  /** One way, for each piece of a stream. Default: as for packets. */
  readonly streamLatency?: Latency;
}

/** Where a transport listens on a {@link MemoryNetwork}. */
export interface MemoryTransportOptions {
  /** A literal IP. Default: the next of 10.0.0.1, 10.0.0.2, … */
  readonly host?: string;
  /** 0: any that is free. Default 7946. */
  readonly port?: number;
  /** The node's own clock, which may drift. Default: that of the network. */
  readonly clock?: Clock;
  /** Default: none, so that the core takes node-forge. */
  readonly crypto?: Crypto;
}

const networkRules: Rules<MemoryNetworkOptions> = {
  clock: clockRule,
  random: randomRule,
  latency: latencyRule,
  loss: lossRule,
  streamLatency: latencyRule,
};

const transportRules: Rules<MemoryTransportOptions> = {
  host: text("a literal IP"),
  port: integer(0, 65_535),
  clock: clockRule,
  crypto: shape(["aesGcm"]),
};

/** Traffic of a {@link MemoryNetwork} so far. */
export interface MemoryNetworkStats {
  /** Packets given to the network. */
  packetsSent: number;
  /** Bytes of these packets. */
  bytesSent: number;
  /** Packets that arrived. */
  packetsDelivered: number;
  /** By chance. */
  packetsLost: number;
  /** They were over the MTU. */
  packetsTooLong: number;
  /** Arrived once more than they were sent. */
  packetsDuplicated: number;
  /** By a partition or a block, when sent or on arrival. */
  packetsBlocked: number;
  /** Their address had no transport, or one that did not listen. */
  packetsUnroutable: number;
  /** Bytes sent by streams. */
  streamBytes: number;
  /** Attempts to open a stream. */
  dials: number;
  /** Streams that were opened. */
  streamsOpened: number;
}

const defaultPort = 7946;
const firstEphemeralPort = 32_768;

/**
 * A network within one process, on a (virtual) clock: a run is a function of the seed. Packets are delayed and lost; streams keep
 * their order and lose nothing. Across a block, packets are lost, dials get no answer, and the bytes of streams wait until the block
 * ends. A stream can be opened only while both directions are open.
 */
export class MemoryNetwork implements MemoryFabric {
  /** The clock of the network. */
  readonly clock: Clock;
  /** The traffic so far. */
  readonly stats: MemoryNetworkStats = {
    packetsSent: 0,
    bytesSent: 0,
    packetsDelivered: 0,
    packetsLost: 0,
    packetsTooLong: 0,
    packetsDuplicated: 0,
    packetsBlocked: 0,
    packetsUnroutable: 0,
    streamBytes: 0,
    dials: 0,
    streamsOpened: 0,
  };
  /** By host, then by port. */
  readonly #transports: Map<string, Map<number, MemoryTransport>> = new Map();
  readonly #hosts: Map<string, readonly string[]> = new Map();
  readonly #services: Map<string, readonly SrvRecord[]> = new Map();
  readonly #blocks: BlockTable = new BlockTable();
  readonly #conditions: NetworkConditions;
  #stalled: (() => void)[] = [];
  #nextHost = 1;
  #nextPort: number = firstEphemeralPort;

  /** @throws MemberlistError `invalid_argument` */
  constructor(options: MemoryNetworkOptions) {
    checkOptions("MemoryNetwork", options, networkRules, ["clock", "random"]);
    this.clock = options.clock;
    this.#conditions = new NetworkConditions(options.random);
    this.#conditions.latency = options.latency ?? 1;
    this.#conditions.streamLatency = options.streamLatency;
    this.#conditions.loss = options.loss ?? 0;
  }

  /**
   * A transport of this network, as if its sockets were open.
   *
   * @throws MemberlistError `invalid_argument`, `invalid_address` for a host that is not an IP, `bind_failed` when the address is taken
   */
  transport(options: MemoryTransportOptions = {}): MemoryTransport {
    checkOptions("MemoryNetwork.transport", options, transportRules);
    const host = canonicalIp(options.host ?? this.#freeHost());
    if (host === undefined) {
      throw new MemberlistError("invalid_address", `${options.host} is not a literal IP`, { details: { address: options.host } });
    }
    const wanted = options.port ?? defaultPort;
    const port = wanted === 0 ? this.#freePort(host) : wanted;
    if (this.#at({ host, port }) !== undefined) {
      throw new MemberlistError("bind_failed", `${hostPort(host, port)} is taken`, { details: { host, port } });
    }
    const transport = new MemoryTransport(this, { host, port, clock: options.clock ?? this.clock, crypto: options.crypto });
    const ports = this.#transports.get(host) ?? new Map<number, MemoryTransport>();
    this.#transports.set(host, ports.set(port, transport));
    return transport;
  }

  /** Sets the addresses of a host name. An empty list makes it unknown again. */
  setHost(name: string, addresses: readonly string[]): void {
    if (addresses.length === 0) this.#hosts.delete(name);
    else this.#hosts.set(name, [...addresses]);
  }

  /** Sets the SRV records of a service. An empty list makes it unknown again. */
  setService(service: string, records: readonly SrvRecord[]): void {
    if (records.length === 0) this.#services.delete(service);
    else this.#services.set(service, [...records]);
  }

  /**
   * Changes the latency of packets. See {@link MemoryNetworkOptions.latency}.
   *
   * @throws MemberlistError `invalid_argument`
   */
  setLatency(latency: Latency): void {
    checkOptions("MemoryNetwork.setLatency", { latency }, { latency: latencyRule });
    this.#conditions.latency = latency;
  }

  /**
   * Changes the loss of packets. See {@link MemoryNetworkOptions.loss}.
   *
   * @throws MemberlistError `invalid_argument`
   */
  setLoss(loss: Loss): void {
    checkOptions("MemoryNetwork.setLoss", { loss }, { loss: lossRule });
    this.#conditions.loss = loss;
  }

  /**
   * Replaces all of the faults that were set before.
   *
   * @throws MemberlistError `invalid_argument`
   */
  setFaults(faults: TrafficFaults): void {
    checkOptions("MemoryNetwork.setFaults", faults, trafficFaultRules);
    this.#conditions.faults = { ...faults };
  }

  /**
   * Blocks all traffic between the two groups, in both directions.
   *
   * @param groupB default: all transports of now that are not in `groupA`
   */
  partition(groupA: readonly Endpoint[], groupB?: readonly Endpoint[]): void {
    const others = groupB ?? this.#others(groupA);
    for (const a of groupA) {
      for (const b of others) {
        this.#blocks.block(a, b, {});
        this.#blocks.block(b, a, {});
      }
    }
  }

  /**
   * Stops packets, streams or (by default) both from one to another, in this direction only.
   *
   * @throws MemberlistError `invalid_argument`
   */
  block(from: Endpoint, to: Endpoint, options: BlockOptions = {}): void {
    checkOptions("MemoryNetwork.block", options, blockRules);
    this.#blocks.block(from, to, options);
  }

  /** Takes back what {@link block} did between the same two. */
  unblock(from: Endpoint, to: Endpoint): void {
    this.#blocks.unblock(from, to);
    this.#resume();
  }

  /** Ends every block and partition. Streams continue with the bytes that waited. */
  heal(): void {
    this.#blocks.clear();
    this.#resume();
  }

  /** For {@link MemoryTransport}: sends a packet. */
  sendPacket(packet: Uint8Array, from: MemoryTransport, to: Address): void {
    const { stats } = this;
    const target = canonical(to);
    stats.packetsSent++;
    stats.bytesSent += packet.length;
    if (this.#blocks.isBlocked(from, target, "packets")) {
      stats.packetsBlocked++;
      return;
    }
    if (this.#conditions.isOverMtu(packet.length)) {
      stats.packetsTooLong++;
      return;
    }
    if (this.#conditions.isLost(from.address, target)) {
      stats.packetsLost++;
      return;
    }
    const line = this.#conditions.lineTime(from.key, packet.length, this.clock.now());
    this.#send(packet, from, target, line);
    if (!this.#conditions.isDuplicated()) return;
    stats.packetsDuplicated++;
    this.#send(packet.slice(), from, target, line);
  }

  /** For {@link MemoryTransport}: opens a stream. */
  connect(from: MemoryTransport, to: Address, connected: (stream: MemoryStream) => void, refused: () => void): () => void {
    const target = canonical(to);
    const there = this.#link(from.address, target);
    const back = this.#link(target, from.address);
    let givenUp = false;
    let near: MemoryStream | undefined;
    const answer = (): void => {
      if (givenUp) return;
      if (near === undefined) refused();
      else connected(near);
    };
    const arrive = (): void => {
      if (givenUp) return;
      if (there.blocked() || back.blocked()) {
        there.whenHealed(() => this.clock.setTimeout(arrive, there.delay(0)));
        return;
      }
      const listener = this.#at(target);
      if (listener?.listening === true) {
        const [ours, theirs] = memoryStreamPair(there, back);
        near = ours;
        this.stats.streamsOpened++;
        listener.accept(theirs, { host: from.host, port: this.#ephemeralPort(), name: "" });
      }
      this.clock.setTimeout(answer, back.delay(0));
    };
    this.stats.dials++;
    this.clock.setTimeout(arrive, there.delay(0));
    return () => {
      givenUp = true;
      near?.close();
    };
  }

  /** For {@link MemoryTransport}: the addresses of a host name. */
  lookUp(host: string): readonly string[] | undefined {
    return this.#hosts.get(host);
  }

  /** For {@link MemoryTransport}: the SRV records of a service. */
  servers(service: string): readonly SrvRecord[] | undefined {
    return this.#services.get(service);
  }

  /** For {@link MemoryTransport}: a transport reads again. */
  released(): void {
    this.#resume();
  }

  /** For {@link MemoryTransport}: frees the address of a transport that is shut down. */
  detach({ host, port }: MemoryTransport): void {
    const ports = this.#transports.get(host);
    ports?.delete(port);
    if (ports?.size === 0) this.#transports.delete(host);
  }

  #send(packet: Uint8Array, from: MemoryTransport, target: Address, line: number): void {
    const { stats } = this;
    this.clock.setTimeout(
      () => {
        if (this.#blocks.isBlocked(from, target, "packets")) stats.packetsBlocked++;
        else if (this.#at(target)?.deliver(packet, from.address) === true) stats.packetsDelivered++;
        else stats.packetsUnroutable++;
      },
      line + this.#conditions.packetDelay(from.address, target),
    );
  }

  #isHeld(at: Address): boolean {
    return this.#at(at)?.isHeld === true;
  }

  #at({ host, port }: Pick<Address, "host" | "port">): MemoryTransport | undefined {
    return this.#transports.get(host)?.get(port);
  }

  #link(from: Address, to: Address): MemoryLink {
    return {
      clock: this.clock,
      delay: (bytes) => {
        this.stats.streamBytes += bytes;
        return (
          this.#conditions.lineTime(hostPort(from.host, from.port), bytes, this.clock.now()) +
          this.#conditions.pieceDelay(from, to)
        );
      },
      blocked: () => this.#blocks.isBlocked(from, to, "streams") || this.#isHeld(from) || this.#isHeld(to),
      whenHealed: (resume) => void this.#stalled.push(resume),
    };
  }

  /** Retries all waiting pieces and dials. Those that are still blocked wait once more. */
  #resume(): void {
    for (const resume of this.#stalled.splice(0)) resume();
  }

  #others(group: readonly Endpoint[]): MemoryTransport[] {
    const keys = new Set(group.map(endpointKey));
    const all = [...this.#transports.values()].flatMap((ports) => [...ports.values()]);
    return all.filter(({ key, host }) => !keys.has(key) && !keys.has(host));
  }

  #freeHost(): string {
    const host = (): string => `10.${(this.#nextHost >> 16) & 255}.${(this.#nextHost >> 8) & 255}.${this.#nextHost & 255}`;
    while (this.#transports.has(host())) this.#nextHost++;
    const free = host();
    this.#nextHost++;
    return free;
  }

  #freePort(host: string): number {
    let port = this.#ephemeralPort();
    while (this.#at({ host, port }) !== undefined) port = this.#ephemeralPort();
    return port;
  }

  #ephemeralPort(): number {
    const port = this.#nextPort;
    this.#nextPort = port === 65_535 ? firstEphemeralPort : port + 1;
    return port;
  }
}

function canonical(address: Address): Address {
  const host = canonicalIp(address.host) ?? address.host;
  return host === address.host ? address : { ...address, host };
}

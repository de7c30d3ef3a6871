import type { Address } from "../../src/api/address.ts";
import type { Config } from "../../src/config/config.ts";
import {
  EngineHarness,
  mergeAll,
  type HarnessNetwork,
  type HarnessOptions,
  type SentPacket,
  type StreamPing,
} from "./engine-harness.ts";

export interface ClusterOptions {
  /** One way, in ms. */
  readonly latency?: number;
  readonly seed?: number;
  readonly config?: Partial<Config>;
}

interface Delivery {
  readonly at: number;
  readonly run: () => void;
}

/** Several engines and a network between them in virtual time: synchronous, and the same for the same seed. */
export class VirtualCluster implements HarnessNetwork {
  readonly nodes: EngineHarness[] = [];
  now = 1_000_000;
  /** Whether a packet is lost; by names. */
  losesPacket: (from: string, to: string) => boolean = () => false;
  /** Whether a stream cannot be opened; by names. */
  refusesStream: (from: string, to: string) => boolean = () => false;
  readonly #latency: number;
  readonly #options: ClusterOptions;
  readonly #down: Set<string> = new Set();
  #deliveries: Delivery[] = [];

  constructor(options: ClusterOptions = {}) {
    this.#latency = options.latency ?? 5;
    this.#options = options;
  }

  /** Starts one more node, still unknown to the others. */
  add(name: string, options: HarnessOptions = {}): EngineHarness {
    const seed = (this.#options.seed ?? 1) * 1000 + this.nodes.length;
    const config = { ...this.#options.config, ...options.config };
    const node = new EngineHarness({ seed, ...options, config, name, network: this, now: this.now });
    this.nodes.push(node.start());
    return node;
  }

  /** Adds each node to every node's table, and discards the resulting events and broadcasts. */
  preload(): void {
    for (const node of this.nodes) {
      for (const other of this.nodes)
        if (other !== node) node.run(() => mergeAll(node.engine, other.engine.pushPull.localState(), false));
    }
    for (const node of this.nodes) {
      node.takeBroadcasts();
      node.takeEvents();
      node.takeSent();
    }
    this.#deliveries = [];
  }

  node(name: string): EngineHarness {
    const node = this.nodes.find((candidate) => candidate.config.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  /** Ends a node as a crash would: it sends and hears nothing any more. */
  crash(name: string): void {
    this.#down.add(name);
    this.node(name).engine.stop();
  }

  /** Lets time pass for all nodes; returns early once `until` holds. */
  advance(ms: number, until?: () => boolean): boolean {
    const end = this.now + ms;
    for (;;) {
      if (until?.() === true) return true;
      const at = this.#nextAt();
      if (at === undefined || at > end) break;
      this.now = Math.max(this.now, at);
      for (const node of this.nodes) node.now = this.now;
      this.#deliver();
      for (const node of this.nodes) if ((node.engine.nextTimerAt() ?? Infinity) <= this.now) node.fire();
    }
    this.now = end;
    for (const node of this.nodes) node.now = end;
    return until?.() === true;
  }

  packet(from: EngineHarness, { bytes, to }: SentPacket): void {
    const target = this.#at(to);
    if (target === undefined || this.losesPacket(from.config.name, target.config.name)) return;
    this.#later(() => {
      if (!this.#isDown(target)) target.deliver(bytes, { ...from.address, name: "" });
    });
  }

  /** Answered after a round trip, or, like a timeout, at the deadline. */
  streamPing(from: EngineHarness, { ping, to, deadline, done }: StreamPing): void {
    const target = this.#at(to);
    const reachable = target !== undefined && !this.#isDown(target) && !this.refusesStream(from.config.name, target.config.name);
    if (reachable && target.engine.isPingForUs(ping)) this.#later(() => done(true), 2 * this.#latency);
    else this.#later(() => done(false), deadline - this.now);
  }

  pushPull(from: EngineHarness, to: Address): void {
    const target = this.#at(to);
    if (target === undefined || this.#isDown(target) || this.refusesStream(from.config.name, target.config.name)) return;
    this.#later(() => {
      const theirs = target.engine.pushPull.localState();
      target.run(() => mergeAll(target.engine, from.engine.pushPull.localState(), false));
      from.run(() => mergeAll(from.engine, theirs, false));
    });
  }

  #at(to: Address): EngineHarness | undefined {
    return this.nodes.find((node) => node.address.host === to.host && node.address.port === to.port);
  }

  #isDown(node: EngineHarness): boolean {
    return this.#down.has(node.config.name);
  }

  #later(run: () => void, delay: number = this.#latency): void {
    this.#deliveries.push({ at: this.now + delay, run });
  }

  #nextAt(): number | undefined {
    let next = Infinity;
    for (const { at } of this.#deliveries) next = Math.min(next, at);
    for (const node of this.nodes) next = Math.min(next, node.engine.nextTimerAt() ?? Infinity);
    return next === Infinity ? undefined : next;
  }

  #deliver(): void {
    const due = this.#deliveries.filter(({ at }) => at <= this.now);
    this.#deliveries = this.#deliveries.filter(({ at }) => at > this.now);
    for (const { run } of due.toSorted((a, b) => a.at - b.at)) run();
  }
}

/** `n` nodes, "n1" to "n<n>", that know each other. */
export function cluster(n: number, options: ClusterOptions = {}): VirtualCluster {
  const members = new VirtualCluster(options);
  for (let i = 1; i <= n; i++) members.add(`n${i}`);
  members.preload();
  return members;
}

import { afterEach } from "vitest";
import { createMemberlist, encodeTags, lanConfig, type Config, type Memberlist, type Node, type Tags } from "@memberlist/core";
import { MemoryNetwork, SeededRandom, VirtualClock } from "@memberlist/core/testing";

/** Members on a memory network, in virtual time. */
export class Cluster {
  readonly clock: VirtualClock = new VirtualClock();
  readonly random: SeededRandom = new SeededRandom(1);
  readonly network: MemoryNetwork = new MemoryNetwork({ clock: this.clock, random: this.random.fork(), latency: 3 });
  readonly members: Memberlist[] = [];

  async start(name: string, config: Partial<Config> = {}): Promise<Memberlist> {
    const base = { ...lanConfig(), transport: this.network.transport(), clock: this.clock, random: this.random.fork() };
    const members = await createMemberlist({ ...base, name, logOutput: { write: () => undefined }, ...config });
    this.members.push(members);
    return members;
  }

  /** A member that joins the first one. */
  async joins(name: string, config: Partial<Config> = {}): Promise<Memberlist> {
    const members = await this.start(name, config);
    await this.clock.settle(members.join([(this.members[0] as Memberlist).toJSON().address]), { limit: 60_000 });
    return members;
  }

  /** `node-0` and so on, which all know each other. */
  async joined(count: number, configOf: (i: number) => Partial<Config> = () => ({})): Promise<Memberlist[]> {
    await this.start("node-0", configOf(0));
    for (let i = 1; i < count; i++) await this.joins(`node-${i}`, configOf(i));
    await this.until(() => this.members.every((members) => members.numMembers() === count));
    return [...this.members];
  }

  until(condition: () => boolean, limit: number = 120_000): Promise<number> {
    return this.clock.runUntil(condition, { limit });
  }

  async end(): Promise<void> {
    for (const members of this.members) await members.shutdown();
    await this.clock.advance(900);
    if (this.clock.pending > 0) throw new Error(`${this.clock.pending} timers wait after the shutdown of all`);
  }
}

/** Clusters that end with the test. */
export function clusters(): () => Cluster {
  const open: Cluster[] = [];
  afterEach(async () => {
    for (const cluster of open.splice(0)) await cluster.end();
  });
  return () => {
    const cluster = new Cluster();
    open.push(cluster);
    return cluster;
  };
}

export function nodeOf(name: string, tags: Tags = {}): Node {
  const versions = { pMin: 1, pMax: 5, pCur: 2, dMin: 0, dMax: 0, dCur: 0 };
  return { name, addr: "10.0.0.1", port: 7946, meta: encodeTags(tags), state: "alive", incarnation: 1, ...versions };
}

export const names = (nodes: readonly Node[]): string[] => nodes.map(({ name }) => name);

/** `key-0` and so on. */
export const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `key-${i}`);

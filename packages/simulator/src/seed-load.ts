import { Simulation } from "./simulation.ts";

export interface SeedLoadOptions {
  /** How many start at the same moment, beside the seed. */
  readonly nodes: number;
  /** From when on the seed is there, in ms after their joins failed; Infinity: never. */
  readonly backAfter: number;
  /** How long the seed is looked at, in ms. */
  readonly duration: number;
  readonly seed: number;
}

/** One second at a seed. */
export interface SeedSecond {
  /** Streams that were opened to it, or tried to be. */
  readonly dials: number;
  /** The nodes that have joined so far. */
  readonly members: number;
}

const second = 1_000;

/**
 * Nodes that were evicted and start again at the same moment, and know nobody but one seed, which is away: how often it is dialled from the
 * moment on at which their joins have failed. Nothing but healing is on: gossip, probes and push/pulls dial others.
 */
export async function seedLoad({ nodes, backAfter, duration, seed }: SeedLoadOptions): Promise<SeedSecond[]> {
  const config = { gossipInterval: 0, probeInterval: 0, pushPullInterval: 0, queueCheckInterval: duration + second };
  const sim = new Simulation({ seed, latency: [1, 20], checkInterval: 0, config });
  await sim.add("seed");
  await sim.crash("seed");
  for (let i = 0; i < nodes; i++) await sim.add();
  const started = sim.names.filter((name) => name !== "seed");
  await sim.clock.settle(Promise.all(started.map((name) => sim.startJoin(name, ["seed"]))));
  const seconds: SeedSecond[] = [];
  for (let at = 0; at < duration; at += second) {
    if (at === backAfter) await sim.restart("seed");
    const { dials } = sim.network.stats;
    await sim.clock.advance(second);
    const members = at < backAfter ? 0 : sim.node("seed").members.numMembers() - 1;
    seconds.push({ dials: sim.network.stats.dials - dials, members });
  }
  await sim.end();
  return seconds;
}

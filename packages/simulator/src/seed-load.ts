import { Simulation } from "./simulation.ts";

export interface SeedLoadOptions {
  /** The number of nodes that start at the same moment, without the seed. */
  readonly nodes: number;
  /** The seed starts this many ms after the joins failed; Infinity: never. */
  readonly backAfter: number;
  /** The time for which dials to the seed are counted, in ms. */
  readonly duration: number;
  readonly seed: number;
}

/** One second at a seed. */
export interface SeedSecond {
  /** Attempts to open a stream to the seed. */
  readonly dials: number;
  /** The nodes that have joined so far. */
  readonly members: number;
}

const second = 1_000;

/**
 * Starts nodes at the same moment that know only one seed, which does not run, as after an eviction of all pods. Counts the dials to the seed from the
 * moment at which the joins have failed. Only healing is on, because gossip, probes and push/pulls dial other nodes, too.
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

import { settleByTicks } from "@memberlist/simulator";
import { SeededRandom } from "@memberlist/core/testing";
import { TopicsCluster } from "./cluster.ts";

export interface FaultOptions {
  readonly nodes: number;
  readonly seed: number;
}

/** What a run has found. */
export interface FaultResult {
  /** Messages that were published. */
  readonly published: number;
  /** From the end of the faults until all members agreed on the members, in ms. */
  readonly agreedAfter: number;
  /** From then until each member had each message, in ms; negative if they had all before. */
  readonly completeAfter: number;
  /** Each message that a member lacks, has twice or has in the wrong order. */
  readonly problems: readonly string[];
  /** The sum of `repaired` of all members. */
  readonly repaired: number;
}

/** How long members may take to find each other again and to exchange what they missed, in ms. */
const limit = 600_000;

/**
 * Four messages a second from changing publishers, at 5 % loss. Every 20 s, a twentieth of the other members crashes; they start again after 5 s. A
 * partition between two random halves lasts from 30 s to 60 s.
 */
export async function churn({ nodes, seed }: FaultOptions, seconds: number = 90): Promise<FaultResult> {
  const random = new SeededRandom(seed);
  const cluster = await TopicsCluster.of({
    nodes,
    seed,
    loss: 0.05,
    start: "preloaded",
    checkInterval: 0,
    settle: settleByTicks,
  });
  const { sim } = cluster;
  const published = new PublishedNumbers(cluster);
  const publishers = sim.names.slice(0, Math.max(4, Math.ceil(nodes / 10)));
  const others = sim.names.slice(publishers.length);
  let down: string[] = [];
  /** Restarted members that have not reached a publisher. */
  const joining = new Set<string>();
  /** An attempt to join takes longer during the partition. */
  const join = async (name: string): Promise<void> => {
    if ((await sim.startJoin(name, publishers.slice(0, 3))) > 0 || sim.node(name).status !== "running") joining.delete(name);
    else await join(name);
  };
  for (let second = 0; second < seconds || joining.size > 0; second++) {
    const turns = second < seconds ? [0, 1, 2, 3] : [];
    for (const i of turns) await published.publish(publishers[(second * 4 + i) % publishers.length] as string);
    if (second % 20 === 5 && second < seconds - 10) {
      const chosen = Array.from({ length: Math.ceil(nodes / 20) }, () => others[Math.floor(random.next() * others.length)]);
      down = [...new Set(chosen as string[])];
      for (const name of down) await sim.crash(name);
    }
    if (second % 20 === 10) {
      for (const name of down) {
        await sim.restart(name);
        cluster.subscribe(name);
        joining.add(name);
        join(name).catch(fail);
      }
      down = [];
    }
    if (second === 30) sim.network.partition(sim.names.filter(() => random.next() < 0.5));
    if (second === 60) sim.network.heal();
    await sim.clock.advance(1_000);
  }
  return finish(cluster, published);
}

/** A partition of 60 s between five twelfths of the members and the rest. On each side, a different member publishes each second. */
export async function partition({ nodes, seed }: FaultOptions): Promise<FaultResult> {
  const cluster = await TopicsCluster.of({ nodes, seed, start: "preloaded", checkInterval: 0, settle: settleByTicks });
  const { clock, names, network } = cluster.sim;
  const published = new PublishedNumbers(cluster);
  const left = names.slice(0, Math.floor((nodes * 5) / 12));
  const right = names.slice(left.length);
  network.partition(left);
  for (let second = 0; second < 60; second++) {
    for (const side of [left, right]) await published.publish(side[second % side.length] as string);
    await clock.advance(1_000);
  }
  network.heal();
  return finish(cluster, published);
}

/** Each publisher counts its messages from 1. */
class PublishedNumbers {
  readonly counts: Map<string, number> = new Map();
  readonly #cluster: TopicsCluster;

  constructor(cluster: TopicsCluster) {
    this.#cluster = cluster;
  }

  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  async publish(name: string): Promise<void> {
    const number = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, number);
    await this.#cluster.publish(name, number);
  }
}

async function finish(cluster: TopicsCluster, published: PublishedNumbers): Promise<FaultResult> {
  const { sim } = cluster;
  const { total } = published;
  const begun = sim.clock.now();
  let agreedAfter: number | undefined;
  let completeAt: number | undefined;
  while ((agreedAfter === undefined || completeAt === undefined) && sim.clock.now() - begun < limit) {
    await sim.clock.advance(200);
    if (agreedAfter === undefined && sim.agrees()) agreedAfter = sim.clock.now() - begun;
    if (completeAt === undefined && sim.names.every((name) => cluster.of(name).got.length >= total)) completeAt = sim.clock.now();
  }
  // A message that arrives twice may do so late.
  await sim.clock.advance(60_000);
  const problems: string[] = [];
  let repaired = 0;
  for (const name of sim.names) {
    for (const [publisher, count] of published.counts) {
      const found = problemOf(cluster.texts(name, publisher) as number[], count);
      if (found !== undefined) problems.push(`${name}, messages of ${publisher}: ${found}`);
    }
    const counters = cluster.of(name).topics.counters();
    repaired += counters.repaired;
    if (counters.missed > 0) problems.push(`${name} has given up ${counters.missed} messages`);
  }
  if (agreedAfter === undefined) problems.push("the members do not agree");
  await cluster.end();
  agreedAfter ??= Infinity;
  const completeAfter = (completeAt ?? Infinity) - begun - agreedAfter;
  return { published: total, agreedAfter, completeAfter, problems, repaired };
}

/** A restarted subscriber gets all messages as well, because the retention is longer than a run. */
function problemOf(numbers: readonly number[], count: number): string | undefined {
  const wrong = numbers.findIndex((number, i) => number !== i + 1);
  if (wrong >= 0) return `${numbers[wrong]} is at the place of ${wrong + 1}`;
  return numbers.length === count ? undefined : `${numbers.length} of ${count}`;
}

function fail(error: unknown): never {
  throw error;
}

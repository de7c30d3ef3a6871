import { settleByTicks } from "../settle.ts";
import { Simulation } from "../simulation.ts";
import { simulate } from "../simulate.ts";
import { quantile } from "../papers/statistics.ts";
import { heapBytes } from "./heap.ts";

export interface ScaleInput {
  readonly seed: string;
  readonly nodes: number;
}

/** The traffic of a node in a second. */
interface Load {
  readonly packets: number;
  readonly packetBytes: number;
  /** Of push/pulls and pings over streams. */
  readonly streamBytes: number;
}

/** The cost of starting a cluster from nothing. */
export interface ColdStart {
  readonly nodes: number;
  /** From the first start until all agree, in virtual ms. */
  readonly converged: number;
  /** Packets that each node has sent till then. */
  readonly packets: number;
  /** In this process: how long it took, and the most that it held. */
  readonly wallSeconds: number;
  readonly rssMiB: number;
}

/** The behaviour of a cluster whose members know each other. */
export interface Steady {
  readonly nodes: number;
  readonly idle: Load;
  readonly churn: Load;
  /** From a crash until the first other one declares it dead, and until all have: medians, in ms. */
  readonly firstDetection: number;
  readonly fullDetection: number;
  readonly crashes: number;
  /** Of the heap, for each node. */
  readonly bytesPerNode: number;
  readonly wallSeconds: number;
  readonly rssMiB: number;
}

const latency = [0.2, 1] as const;
/** How long the starts of all processes are spread over, in ms. */
const startWithin = 1_000;
const seeds = 3;
const step = 50;
const coldLimit = 600_000;
const idleTime = 60_000;
/** Each member lives that long on average, in ms; for each that crashes a new one comes. */
const lifetime = 3_600_000;
const leastCrashes = 8;
const leastChurn = 60_000;
/** After the last crash that counts, so that all can hear of it. */
const aftermath = 45_000;

/** Starts all nodes within a second, each of which joins one of the first three, and lets them find each other. */
export async function scaleColdStart({ seed, nodes }: ScaleInput): Promise<ColdStart> {
  const start = performance.now();
  const simulation = new Simulation({ seed, latency, checkInterval: 0, settle: settleByTicks });
  const { clock, network, random } = simulation;
  for (let i = 0; i < seeds && i < nodes; i++) await simulation.add();
  const joins: Promise<number>[] = [];
  for (let i = 1; i < seeds && i < nodes; i++) joins.push(simulation.startJoin(`node-${i}`, ["node-0"]));
  for (let i = seeds; i < nodes; i++) {
    await clock.advance(startWithin / nodes);
    const { name } = await simulation.add();
    joins.push(simulation.startJoin(name, [`node-${Math.floor(random.next() * seeds)}`]));
  }
  await clock.settle(Promise.all(joins), { limit: coldLimit });
  while (!simulation.agrees()) {
    if (clock.now() > coldLimit) throw new Error(`${nodes} nodes do not agree after ${coldLimit} ms`);
    await clock.advance(step);
  }
  const outcome = { nodes, converged: clock.now(), packets: network.stats.packetsSent / nodes, ...cost(start) };
  await simulation.end();
  return outcome;
}

/** A preloaded cluster: a minute of idling, then one in which members crash and new ones come. */
export async function scaleSteady({ seed, nodes }: ScaleInput): Promise<Steady> {
  // The first simulation allocates memory that does not belong to these nodes.
  await (await simulate({ nodes: 10, checkInterval: 0, settle: settleByTicks })).end();
  const before = heapBytes();
  const start = performance.now();
  const simulation = await simulate({ seed, nodes, start: "preloaded", latency, checkInterval: 0, settle: settleByTicks });
  const idle = await load(simulation, nodes, () => simulation.clock.advance(idleTime));
  const bytesPerNode = (heapBytes() - before) / nodes;
  const crashes = new Crashes(simulation);
  const churn = await load(simulation, nodes, () => churnFor(simulation, nodes, crashes));
  await simulation.clock.advance(aftermath);
  const { first, full } = crashes.times();
  const outcome = {
    nodes,
    idle,
    churn,
    firstDetection: quantile(first, 0.5),
    fullDetection: quantile(full, 0.5),
    crashes: first.length,
    bytesPerNode,
    ...cost(start),
  };
  await simulation.end();
  return outcome;
}

async function churnFor(simulation: Simulation, nodes: number, crashes: Crashes): Promise<void> {
  const { clock, random } = simulation;
  const every = lifetime / nodes;
  const joins: Promise<number>[] = [];
  const until = clock.now() + Math.max(leastChurn, leastCrashes * every);
  for (let i = 0; clock.now() < until; i++) {
    await clock.advance(every);
    const { running } = simulation;
    const victim = running[Math.floor(random.next() * running.length)]?.name as string;
    await simulation.crash(victim);
    crashes.note(victim);
    const { name } = await simulation.add(`new-${i}`);
    const rest = running.filter((node) => node.name !== victim);
    joins.push(simulation.startJoin(name, [rest[Math.floor(random.next() * rest.length)]?.name as string]));
  }
  await clock.settle(Promise.all(joins), { limit: coldLimit });
}

/** The crashes, and the nodes that have noticed each. */
class Crashes {
  readonly #simulation: Simulation;
  readonly #crashes: Map<
    string,
    { readonly at: number; readonly witnesses: ReadonlySet<string>; first: number; last: number; observers: number }
  > = new Map();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    simulation.onEvent(({ at, observer, type, subject }) => {
      if (type !== "leave" || subject.state !== "dead") return;
      const crash = this.#crashes.get(subject.name);
      if (crash === undefined || !crash.witnesses.has(observer)) return;
      if (crash.observers++ === 0) crash.first = at;
      crash.last = at;
    });
  }

  note(name: string): void {
    const { clock, running } = this.#simulation;
    const witnesses = new Set(running.map((node) => node.name));
    this.#crashes.set(name, { at: clock.now(), witnesses, first: 0, last: 0, observers: 0 });
  }

  /** In ms from the crash; `full` is of those whom nearly all who were there have seen: some of them crash, too. */
  times(): { readonly first: number[]; readonly full: number[] } {
    const seen = [...this.#crashes.values()].filter(({ observers }) => observers > 0);
    const full = seen.filter(({ observers, witnesses }) => observers >= 0.8 * witnesses.size);
    return { first: seen.map(({ at, first }) => first - at), full: full.map(({ at, last }) => last - at) };
  }
}

async function load({ clock, network }: Simulation, nodes: number, play: () => Promise<void>): Promise<Load> {
  const { packetsSent, bytesSent, streamBytes } = network.stats;
  const start = clock.now();
  await play();
  const per = (nodes * (clock.now() - start)) / 1000;
  return {
    packets: (network.stats.packetsSent - packetsSent) / per,
    packetBytes: (network.stats.bytesSent - bytesSent) / per,
    streamBytes: (network.stats.streamBytes - streamBytes) / per,
  };
}

function cost(start: number): Pick<Steady, "wallSeconds" | "rssMiB"> {
  return { wallSeconds: (performance.now() - start) / 1000, rssMiB: process.resourceUsage().maxRSS / 1024 };
}

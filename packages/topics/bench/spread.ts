// How fast and at what cost messages reach all members: topics beside plain broadcasts that each receiver sends on. In virtual time.
// usage: node scripts/run.mjs packages/topics/bench/spread.ts 9,49,199 0,0.05,0.2 20
import process from "node:process";
import { settleByTicks, simulate, type AppContext, type Simulation } from "@memberlist/simulator";
import { createTopics, type Topics } from "../src/index.ts";

const [sizes = "9,49", losses = "0,0.05,0.2", count = "20"] = process.argv.slice(2);
const messages = Number(count);
/** 100 characters that do not compress well. */
const payload = Array.from({ length: 100 }, (_, i) => String.fromCharCode(97 + ((i * i * 31 + i * 17) % 26))).join("");
/** The time between two messages and after the last one, in ms. */
const pause = 500;
const rest = 15_000;

interface Outcome {
  /** The time from the publication to each arrival, for each message. */
  readonly arrivals: readonly (readonly number[])[];
  readonly copies: number;
  readonly packets: number;
  readonly bytes: number;
}

/** Publishes a message; the receivers call `arrived` with its number. */
type Publish = (sim: Simulation, name: string, message: number) => void;

interface Way {
  readonly title: string;
  readonly config: (context: AppContext) => object;
  readonly start: (sim: Simulation, arrived: (name: string, message: number) => void) => Publish;
  /** How often messages arrived at members that did not publish them. */
  readonly copies: (sim: Simulation) => number;
  readonly end: () => void;
}

function topicsWay(): Way {
  const all = new Map<string, Topics>();
  return {
    title: "topics",
    config: () => ({}),
    start: (sim, arrived) => {
      for (const name of sim.names) {
        const topics = createTopics(sim.node(name).members);
        topics.subscribe("prices", (message) => arrived(name, (message.json() as { id: number }).id));
        all.set(name, topics);
      }
      return (_, name, id) => void all.get(name)?.publish("prices", { id, payload }).catch(fail);
    },
    // The first copies, and those that the channels dropped.
    copies: ({ names, nodes }) =>
      nodes.reduce(
        (sum, { members }) => sum + (members.counters()["dropped.channel_duplicate"] ?? 0),
        messages * (names.length - 1),
      ),
    end: () => {
      for (const topics of all.values()) topics.close();
    },
  };
}

function plainWay(): Way {
  let copies = 0;
  const seen = new Map<string, Set<number>>();
  let isNew: (name: string, message: number) => void = () => {};
  const take = (name: string, bytes: Uint8Array): boolean => {
    const { id } = JSON.parse(new TextDecoder().decode(bytes)) as { id: number };
    let known = seen.get(name);
    if (known === undefined) seen.set(name, (known = new Set()));
    if (known.has(id)) return false;
    known.add(id);
    isNew(name, id);
    return true;
  };
  return {
    title: "plain",
    config: ({ members, name }) => ({
      delegate: {
        notifyMsg: (bytes: Uint8Array) => {
          copies++;
          if (take(name, bytes)) members()?.broadcast(bytes).catch(fail);
        },
      },
    }),
    start: (_, arrived) => {
      isNew = arrived;
      return (sim, name, id) => {
        const bytes = new TextEncoder().encode(JSON.stringify({ id, payload }));
        take(name, bytes);
        sim.node(name).members.broadcast(bytes).catch(fail);
      };
    },
    copies: () => copies,
    end: () => {},
  };
}

/** @param way without one, the cluster publishes nothing */
async function run(nodes: number, loss: number, way?: Way): Promise<Outcome> {
  const sim = await simulate({
    nodes,
    loss,
    latency: [1, 20],
    start: "preloaded",
    seed: 7,
    checkInterval: 0,
    settle: settleByTicks,
    app: (context) => way?.config(context) ?? {},
  });
  const publishedAt: number[] = [];
  const arrivals: number[][] = Array.from({ length: messages }, () => []);
  const publish = way?.start(sim, (_, id) => {
    arrivals[id]?.push(sim.clock.now() - (publishedAt[id] ?? 0));
  });
  await sim.clock.advance(2_000);
  const traffic = (): { packets: number; bytes: number } => {
    let packets = 0;
    let bytes = 0;
    for (const name of sim.names) {
      const { packetBytesSent, packetsSent, streamBytesSent } = sim.node(name).members.traffic();
      packets += packetsSent;
      bytes += packetBytesSent + streamBytesSent;
    }
    return { packets, bytes };
  };
  const before = traffic();
  for (let id = 0; id < messages; id++) {
    publishedAt[id] = sim.clock.now();
    publish?.(sim, `node-${(id * 7) % nodes}`, id);
    await sim.clock.advance(pause);
  }
  await sim.clock.advance(rest);
  const after = traffic();
  const outcome = {
    arrivals: arrivals.map((times) => [...times]),
    copies: way?.copies(sim) ?? 0,
    packets: after.packets - before.packets,
    bytes: after.bytes - before.bytes,
  };
  // Push/pulls bring the rest.
  const limit = sim.clock.now() + 1_200_000;
  const isComplete = (): boolean => way?.title !== "topics" || arrivals.every((times) => times.length >= nodes);
  while (!isComplete() && sim.clock.now() < limit) await sim.clock.advance(1_000);
  way?.end();
  await sim.end();
  return { ...outcome, arrivals };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(error: unknown): never {
  throw error;
}

/** The time until a share of all members has a message: the median of all messages and the longest. */
function times(arrivals: Outcome["arrivals"], nodes: number, share: number): string {
  const wanted = Math.ceil(nodes * share);
  const reached = arrivals.map((each) => each.toSorted((a, b) => a - b)[wanted - 1]).filter((at) => at !== undefined);
  if (reached.length < arrivals.length) return `${reached.length} of ${arrivals.length}`;
  const sorted = reached.toSorted((a, b) => a - b);
  const seconds = (ms = 0): string => (ms / 1_000).toFixed(2);
  return `${seconds(sorted[Math.floor(sorted.length / 2)])}, ${seconds(sorted.at(-1))}`;
}

print(
  "| members | loss | | 50 % | 99 % | all | packets | bytes | copies |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
);
for (const nodes of sizes.split(",").map(Number)) {
  for (const loss of losses.split(",").map(Number)) {
    const idle = await run(nodes, loss);
    for (const way of [topicsWay(), plainWay()]) {
      const { arrivals, bytes, copies, packets } = await run(nodes, loss, way);
      const each = (value: number, digits: number): string => (value / nodes / messages).toFixed(digits);
      const cells = [
        nodes,
        `${loss * 100} %`,
        way.title,
        times(arrivals, nodes, 0.5),
        times(arrivals, nodes, 0.99),
        times(arrivals, nodes, 1),
      ];
      print(`| ${[...cells, each(packets - idle.packets, 1), each(bytes - idle.bytes, 0), each(copies, 1)].join(" | ")} |`);
    }
  }
}

import { TransmitLimitedQueue, type Config } from "@memberlist/core";
import { expect, it } from "vitest";
import { Simulation, type AppContext } from "../src/index.ts";

interface Spread {
  /** The time until all permanent nodes had each broadcast, in ms; Infinity if that took longer than {@link limit}. */
  readonly took: readonly number[];
  /** Membership updates that waited at the node that broadcasts, at most. */
  readonly membershipQueue: number;
}

interface Setup {
  readonly share: number;
  readonly churn: boolean;
  /** Of the broadcasts, in bytes: one after the other. */
  readonly sizes: readonly number[];
}

const nodes = 200;
/** The number of permanent nodes. The others, 20 %, run for 4 s, and then stop for 4 s. */
const stable = 160;
const coming = nodes - stable;
const limit = 6_000;
const step = 100;
/** Between two broadcasts, in ms: what a node may say of its own in that time is a share of few packets. */
const pause = 4_000;

/** One of them leaves, and another one is back, with 500 bytes of metadata that nothing makes shorter. */
function comeAndGo(sim: Simulation, turn: number, failed: (error: unknown) => void): void {
  const goes = sim.node(`node-${stable + (turn % coming)}`);
  const comes = sim.node(`node-${stable + ((turn + coming / 2) % coming)}`);
  if (goes.status === "running") sim.startLeave(goes.name).catch(failed);
  if (comes.status === "running") return;
  sim
    .restart(comes.name)
    .then(() => sim.startJoin(comes.name, [`node-${Math.floor(sim.random.next() * stable)}`]))
    .catch(failed);
}

/** Each application sends on what is new to it, as those of the Go library do; the first node starts the broadcasts. */
async function spread({ share, churn, sizes }: Setup): Promise<Spread> {
  const heard = new Map<string, Set<number>>();
  const queues = new Map<string, TransmitLimitedQueue>();
  const app = ({ name, life }: AppContext): Partial<Config> => {
    const seen = new Set<number>();
    const queue = new TransmitLimitedQueue({ numNodes: () => nodes, maxPayload: () => Infinity, retransmitMult: 4 });
    heard.set(name, seen);
    queues.set(name, queue);
    const notifyMsg = (message: Uint8Array): void => {
      const id = message[0] ?? 0;
      if (seen.has(id)) return;
      seen.add(id);
      queue.queueBroadcast({ name: String(id), message });
    };
    const delegate = { notifyMsg, getBroadcasts: queue.getBroadcasts.bind(queue) };
    return life === 1 ? { delegate } : { delegate, meta: new Uint8Array(500).map(() => Math.floor(sim.random.next() * 256)) };
  };
  const config = { userBroadcastShare: share, pushPullInterval: 0, probeInterval: 0, enableCompression: false };
  const sim = new Simulation({ latency: [1, 20], checkInterval: 0, config, app });
  for (let i = 0; i < nodes; i++) await sim.add();
  await sim.clock.settle(Promise.all(sim.names.slice(1).map((name) => sim.startJoin(name, ["node-0"]))));
  // Quiet is where the messages of the start are out.
  while (sim.nodes.some(({ members }) => members.numQueuedBroadcasts() > 0)) await sim.clock.advance(1_000);
  const failures: unknown[] = [];
  let steps = 0;
  let membershipQueue = 0;
  const pass = async (): Promise<void> => {
    if (churn && steps++ % 2 === 0) comeAndGo(sim, steps >> 1, (error) => failures.push(error));
    await sim.clock.advance(step);
    membershipQueue = Math.max(membershipQueue, sim.node("node-0").members.numQueuedBroadcasts());
  };
  const wait = async (): Promise<void> => {
    for (let t = 0; t < pause; t += step) await pass();
  };
  await wait();
  await wait();
  const took: number[] = [];
  for (const [id, size] of sizes.entries()) {
    const start = sim.clock.now();
    const message = new Uint8Array(size);
    message[0] = id;
    heard.get("node-0")?.add(id);
    queues.get("node-0")?.queueBroadcast({ name: String(id), message });
    const haveAll = (): boolean => sim.names.slice(0, stable).every((name) => heard.get(name)?.has(id) === true);
    while (!haveAll() && sim.clock.now() - start < limit) await pass();
    took.push(haveAll() ? sim.clock.now() - start : Infinity);
    await wait();
  }
  await sim.end();
  expect(failures).toEqual([]);
  return { took, membershipQueue };
}

it(
  "spreads user broadcasts within twice the usual time while 20 % of 200 nodes leave and rejoin, and starves them without a share",
  { timeout: 300_000 },
  async () => {
    const sizes = [400, 1_200];
    const quiet = await spread({ share: 0.25, churn: false, sizes });
    const churned = await spread({ share: 0.25, churn: true, sizes });
    const starved = await spread({ share: 0, churn: true, sizes: [400] });
    expect(quiet.membershipQueue).toBe(0);
    expect(churned.membershipQueue).toBeGreaterThan(15);
    for (const [i, took] of churned.took.entries()) expect(took).toBeLessThanOrEqual(2 * (quiet.took[i] as number));
    expect(starved.took).toEqual([Infinity]);
  },
);

import { TransmitLimitedQueue, type Config } from "@memberlist/core";
import { expect, it } from "vitest";
import { simulate } from "../src/index.ts";

interface Spread {
  /** Until every node that was there all the time had each broadcast, in ms; the longest of them. Infinity: some never had it within `limit`. */
  readonly slowest: number;
  readonly membershipQueue: number;
}

interface Setup {
  readonly nodes: number;
  readonly share: number;
  /** How many nodes publish new metadata of 500 bytes in each second. */
  readonly changesPerSecond: number;
  readonly seed?: number;
  readonly size?: number;
}

/** For one broadcast to reach everybody, in ms. */
const limit = 10_000;

/** Each application sends on what is new to it, as those of the Go library do; one of them starts three broadcasts. */
async function spread({ nodes, share, changesPerSecond, seed = 1, size = 100 }: Setup): Promise<Spread> {
  const heard: Set<number>[] = [];
  const queues: TransmitLimitedQueue[] = [];
  const app = ({ name }: { readonly name: string }): Partial<Config> => {
    const i = Number(name.slice(5));
    const seen = new Set<number>();
    const queue = new TransmitLimitedQueue({ numNodes: () => nodes, maxPayload: () => Infinity, retransmitMult: 4 });
    heard[i] = seen;
    queues[i] = queue;
    const notifyMsg = (message: Uint8Array): void => {
      const id = message[0] ?? 0;
      if (seen.has(id)) return;
      seen.add(id);
      queue.queueBroadcast({ name: String(id), message });
    };
    return { delegate: { notifyMsg, getBroadcasts: (overhead, bytes) => queue.getBroadcasts(overhead, bytes) } };
  };
  const config = { userBroadcastShare: share, pushPullInterval: 0, probeInterval: 0, enableCompression: false };
  const sim = await simulate({ nodes, seed, latency: [1, 20], checkInterval: 0, config, app });
  let membershipQueue = 0;
  const churn = async (ms: number): Promise<void> => {
    for (let t = 0; t < ms; t += 100) {
      for (let i = 0; i < changesPerSecond / 10; i++) {
        const { members } = sim.node(`node-${Math.floor(sim.random.next() * nodes)}`);
        const meta = new Uint8Array(500).map(() => Math.floor(sim.random.next() * 256));
        void members.updateNode({ meta, timeout: 0 }).catch(() => undefined);
      }
      await sim.clock.advance(100);
    }
    membershipQueue = sim.node("node-0").members.numQueuedBroadcasts();
  };
  await churn(5_000);
  let slowest = 0;
  for (let id = 1; id <= 3; id++) {
    const start = sim.clock.now();
    const message = new Uint8Array(size);
    message[0] = id;
    heard[0]?.add(id);
    queues[0]?.queueBroadcast({ name: String(id), message });
    let took = Infinity;
    while (sim.clock.now() - start < limit) {
      await churn(100);
      if (!heard.every((seen) => seen.has(id))) continue;
      took = sim.clock.now() - start;
      break;
    }
    slowest = Math.max(slowest, took);
    if (took === Infinity) break;
  }
  await sim.end();
  return { slowest, membershipQueue };
}

it(
  "user broadcasts take at most twice as long while 20 % of 200 nodes change every 4 s; without a share they starve",
  { timeout: 180_000 },
  async () => {
    const setup = { nodes: 200, size: 400 };
    const quiet = await spread({ ...setup, share: 0.25, changesPerSecond: 0 });
    const churned = await spread({ ...setup, share: 0.25, changesPerSecond: 10 });
    const starved = await spread({ ...setup, share: 0, changesPerSecond: 10 });
    expect(churned.membershipQueue).toBeGreaterThan(20);
    expect(churned.slowest).toBeLessThanOrEqual(2 * quiet.slowest);
    expect(starved.slowest).toBe(Infinity);
  },
);

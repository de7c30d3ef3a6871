import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { TransmitLimitedQueue, type Config, type Memberlist } from "@memberlist/core";
import { MemoryNetwork, SeededRandom, VirtualClock } from "@memberlist/core/testing";
import { expect, it } from "vitest";
import { createMemberlist, lanConfig } from "../src/index.ts";

const mib = 1024 * 1024;
/** What an hour at 1,000 a second makes. */
const broadcasts = 3_600_000;
const size = 200;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What is in use after a collection, in bytes. */
function inUse(): number {
  // What the first collection found is freed while the second one waits for it.
  collect();
  collect();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/**
 * A member that nobody knows gets all the broadcasts, half by `broadcast()`, half in its delegate's queue; after each 1,000 `passed` lets
 * time pass. Gives how much memory grew since the first look, in bytes, at most.
 */
async function broadcastAlone(config: Partial<Config>, passed: () => Promise<void>): Promise<number> {
  const queue = new TransmitLimitedQueue({ numNodes: () => 1, maxPayload: () => 1_000, retransmitMult: 4 });
  const members: Memberlist = await createMemberlist({
    ...lanConfig(),
    ...config,
    name: "alone",
    delegate: { getBroadcasts: (overhead, limit) => queue.getBroadcasts(overhead, limit) },
    logOutput: { write: () => undefined },
  });
  try {
    const message = new Uint8Array(size);
    const samples: number[] = [];
    for (let sent = 0; sent < broadcasts; sent += 1_000) {
      for (let i = 0; i < 500; i++) {
        await members.broadcast(message);
        queue.queueBroadcast({ message: new Uint8Array(size) });
      }
      await passed();
      if (sent % 300_000 === 299_000) samples.push(inUse());
    }
    expect(members.counters()["broadcast_dropped.oldest"]).toBe(broadcasts / 2 - 8_192);
    expect(queue.counters()).toMatchObject({ count: 8_192, droppedOldest: broadcasts / 2 - 8_192 });
    // Both queues are full long before the first look.
    const [first, ...later] = samples as [number, ...number[]];
    expect(later).toHaveLength(11);
    return Math.max(...later) - first;
  } finally {
    await members.shutdown();
  }
}

it(
  "keeps memory flat during an hour of virtual time without peers, at 1,000 broadcasts a second",
  { timeout: 300_000 },
  async () => {
    const clock = new VirtualClock();
    const transport = new MemoryNetwork({ clock, random: new SeededRandom(1) }).transport();
    expect(await broadcastAlone({ transport, clock }, () => clock.advance(1_000))).toBeLessThan(mib);
  },
);

it("keeps memory flat on real sockets in real time, at 1,000 broadcasts a second", { timeout: 300_000 }, async () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  expect(await broadcastAlone({ bindAddr: "127.0.0.1", bindPort: 0 }, turn)).toBeLessThan(mib);
});

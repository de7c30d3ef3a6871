import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { TransmitLimitedQueue, type Delegate } from "../../src/index.ts";
import { clusters } from "./cluster.ts";

const cluster = clusters();
const mib = 1024 * 1024;

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

it("without peers for an hour, at 1,000 broadcasts a second, memory is flat", { timeout: 300_000 }, async () => {
  const one = cluster();
  const queue = new TransmitLimitedQueue({ numNodes: () => 1, maxPayload: () => 1_000, retransmitMult: 4 });
  const delegate: Delegate = { getBroadcasts: (overhead, limit) => queue.getBroadcasts(overhead, limit) };
  const { members } = await one.start({ delegate, logOutput: { write: () => undefined } });
  const message = new Uint8Array(200);
  const samples: number[] = [];
  for (let second = 0; second < 3_600; second++) {
    for (let i = 0; i < 500; i++) {
      await members.broadcast(message);
      queue.queueBroadcast({ message: new Uint8Array(200) });
    }
    await one.advance(1_000);
    if (second % 300 === 299) samples.push(inUse());
  }
  // Both queues are full long before the first look, at five minutes.
  expect(members.counters()["broadcast_dropped.oldest"]).toBe(3_600 * 500 - 8_192);
  expect(queue.counters()).toMatchObject({ count: 8_192, droppedOldest: 3_600 * 500 - 8_192 });
  const [first] = samples as [number];
  const most = Math.max(...samples.slice(1).map((bytes) => bytes - first));
  expect(most).toBeLessThan(mib);
});

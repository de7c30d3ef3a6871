import { expect, it } from "vitest";
import { Keyring, TransmitLimitedQueue, type Delegate } from "../../src/index.ts";
import { clusters, type TestNode, itOnEventLoop } from "./cluster.ts";

const cluster = clusters();

/** A delegate that gossips from its own queue, which accepts messages of any length. */
function queueing(numNodes: () => number): { queue: TransmitLimitedQueue; delegate: Delegate } {
  const queue = new TransmitLimitedQueue({ numNodes, maxPayload: () => Infinity, retransmitMult: 4 });
  return { queue, delegate: { getBroadcasts: (overhead, limit) => queue.getBroadcasts(overhead, limit) } };
}

itOnEventLoop("bounds the queue during an hour without peers at 1,000 broadcasts a second", async () => {
  const one = cluster();
  const { queue, delegate } = queueing(() => 1);
  await one.start({ delegate });
  const message = new Uint8Array(100);
  for (let second = 0; second < 3_600; second++) {
    for (let i = 0; i < 1_000; i++) queue.queueBroadcast({ message });
    await one.advance(1_000);
    expect(queue.numQueued()).toBe(Math.min(8_192, (second + 1) * 1_000));
  }
  expect(queue.counters()).toMatchObject({ count: 8_192, bytes: 819_200, droppedOldest: 3_600_000 - 8_192 });
});

it.each([
  ["plain", {}],
  ["with a label", { label: "a cluster's label" }],
  ["encrypted", { keyring: new Keyring([], new Uint8Array(16)) }],
])("returns the longest message that fits a packet as maxPayload: %s", async (_, config) => {
  const one = cluster();
  const got: number[] = [];
  const { queue, delegate } = queueing(() => 2);
  const receiver: Delegate = { notifyMsg: (message) => void got.push(message.length) };
  const nodes = await one.joined(2, (i) => ({ ...config, enableCompression: false, delegate: i === 0 ? delegate : receiver }));
  const [sender] = nodes as [TestNode];
  await one.advance(60_000);
  const limit = sender.members.maxPayload();
  queue.queueBroadcast({ message: new Uint8Array(limit + 1) });
  await one.advance(60_000);
  expect(got).toEqual([]);
  queue.reset();
  queue.queueBroadcast({ message: new Uint8Array(limit) });
  await one.until(() => got.length > 0);
  expect(got[0]).toBe(limit);
});

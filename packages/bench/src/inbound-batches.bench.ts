import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { afterAll, bench, describe } from "vitest";
import { packPackets, unpackPackets } from "../../memberlist/src/wire/packet-batch.ts";
import { bundledForThread } from "./bundle-for-thread.ts";
import { openOne, sealOne } from "./open-packets.ts";
import { gossipPacket } from "./payloads.ts";

/*
 * Would it pay to open packets that come in in a thread? Without sockets, and with a bare thread rather than a pool: what is measured
 * is the most that could be gained. A pool's own bookkeeping comes on top, and so do the acks, which would wait for their batch.
 */

const thread = new Worker(await bundledForThread(new URL("open-packets-worker.ts", import.meta.url)));
const waiting: (() => void)[] = [];
thread.on("message", (opened: Uint8Array) => {
  // What follows wants the messages one by one.
  unpackPackets(opened);
  waiting.shift()?.();
});
afterAll(async () => void (await thread.terminate()));

const count = 20_000;
/** What libuv reads in a turn of the event loop at most. */
const readPerTurn = 32;
/** Batches that are on their way at a time: more would only wait. */
const inFlightMax = 2;
const packet = sealOne(gossipPacket(1_380));

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

interface Result {
  readonly rate: number;
  readonly inThread: number;
  readonly busy: number;
  readonly delay: number;
}

/** All packets, `batchSize` of them at a time in the thread, while that is free; 0: none. */
async function receive(batchSize: number): Promise<Result> {
  let inThread = 0;
  const delays: number[] = [];
  let batch: Uint8Array[] = [];
  const before = performance.eventLoopUtilization();
  const start = performance.now();
  for (let received = 0; received < count; received += readPerTurn) {
    for (let i = 0; i < readPerTurn; i++) {
      if (batchSize === 0 || (batch.length === 0 && waiting.length >= inFlightMax)) openOne(packet);
      else batch.push(packet);
      if (batch.length < batchSize || batchSize === 0) continue;
      const whole = packPackets(batch.map((bytes) => ({ bytes, crc: false })));
      const at = performance.now();
      inThread += batch.length;
      batch = [];
      waiting.push(() => delays.push(performance.now() - at));
      thread.postMessage(whole, [whole.buffer as ArrayBuffer]);
    }
    await turn();
  }
  while (waiting.length > 0) await turn();
  const elapsed = performance.now() - start;
  const { active } = performance.eventLoopUtilization(before);
  const delay = delays.toSorted((a, b) => a - b)[delays.length >> 1] ?? 0;
  return { rate: count / elapsed, inThread: inThread / count, busy: (active * 1000) / count, delay };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

describe(`${count} packets of gossip, compressed and encrypted, that come in as fast as they are opened`, () => {
  const results = [0, 8, 32, 64, 128].map((batchSize) => ({ batchSize, all: [] as Result[] }));
  // All in turn, again and again: what else the machine does meets each of them alike.
  const round = async (): Promise<void> => {
    for (const { batchSize, all } of results) all.push(await receive(batchSize));
  };
  const teardown = (_task: unknown, mode: string): void => {
    if (mode !== "run") return;
    for (const { batchSize, all } of results) {
      const of = (figure: keyof Result): number => median(all.map((one) => one[figure]));
      const what = batchSize === 0 ? "on the event loop" : `in batches of ${batchSize}`;
      const there =
        batchSize === 0 ? "" : `, ${(of("inThread") * 100).toFixed(0)} % in the thread, after ${of("delay").toFixed(1)} ms`;
      process.stdout.write(
        `${what}: ${of("rate").toFixed(0)} packets/ms, ${of("busy").toFixed(1)} us of the event loop each${there}\n`,
      );
    }
  };
  bench("each in turn", round, { iterations: 8, time: 0, warmupIterations: 1, warmupTime: 0, teardown });
});

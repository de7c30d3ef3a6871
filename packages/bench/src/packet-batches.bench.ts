import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { afterAll, bench, describe } from "vitest";
import { createMemberlist, generateKey, lanConfig, type WorkerOptions } from "@memberlist/transport-node";
import { bundledWorker } from "./bundle-for-thread.ts";
import { letters } from "./payloads.ts";

const entry = await bundledWorker();
const secretKey = generateKey();
const count = 20_000;

/** Takes packets as far as the kernel's buffer, and never reads them: it costs the sender's cores nothing. */
const sink = new Worker(
  `const { parentPort } = require("node:worker_threads");
   const socket = require("node:dgram").createSocket("udp4").bind(0, "127.0.0.1", () => {
     parentPort.postMessage(socket.address().port);
     Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
   });`,
  { eval: true },
);
const port = await new Promise<number>((resolve) => sink.once("message", resolve));

afterAll(async () => void (await sink.terminate()));

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe(`${count} packets of 1,300 bytes, compressed and encrypted, sent as fast as sendBestEffort() lets`, () => {
  const message = letters(1_300);

  async function send(workers: WorkerOptions): Promise<{ stall: number; rate: number }> {
    const base = { ...lanConfig(), bindAddr: "127.0.0.1", bindPort: 0, secretKey, workers, name: "a" };
    const members = await createMemberlist(base);
    const to = { host: "127.0.0.1", port, name: "sink" };
    // The first backlog starts the threads.
    for (let i = 0; i < 200; i++) members.sendToAddress(to, message);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const start = performance.now();
    for (let sent = 0; sent < count; sent++) {
      if (!members.sendToAddress(to, message)) await turn();
    }
    const rate = count / (performance.now() - start);
    delay.disable();
    await members.shutdown();
    return { stall: delay.max / 1e6, rate };
  }

  const cases: readonly (readonly [string, WorkerOptions])[] = [
    ["on the event loop", {}],
    ["in batches of 8 after 8", { packets: { threshold: 8, batchSize: 8 } }],
    ["in batches of 32 after 32", { packets: { threshold: 32, batchSize: 32 } }],
    ["in batches of 64 after 64", { packets: {} }],
  ];
  for (const [name, workers] of cases) {
    const figures: string[] = [];
    const teardown = (_task: unknown, mode: string): void => {
      if (mode === "run") process.stdout.write(`${name}: ${figures.join("; ")}\n`);
    };
    const once = async (): Promise<void> => {
      const { stall, rate } = await send({ entry, ...workers });
      figures.push(`${rate.toFixed(1)} packets/ms, a stall of ${stall.toFixed(0)} ms`);
    };
    bench(name, once, { iterations: 3, time: 0, warmupIterations: 1, warmupTime: 0, teardown });
  }
});

import { fork } from "node:child_process";
import { afterAll, bench, describe } from "vitest";
import { decodeKey, generateKey } from "@memberlist/transport-node";
import { systemClock } from "@memberlist/core/transport";
import { createLog } from "@memberlist/core/internal";
import { WorkerPool } from "../../transport-node/src/worker-pool.ts";
import { doWorkerJob, type WorkerJob } from "../../transport-node/src/worker-job.ts";
import { NodeCrypto } from "../../transport-node/src/node-crypto.ts";
import { bundledWorker, bundledForThread } from "./bundle-for-thread.ts";
import type { ExchangeFigures } from "./long-streams-program.ts";
import { letters } from "./payloads.ts";

const entry = await bundledWorker();
const key = decodeKey(generateKey());
const once = { iterations: 5, time: 0, warmupIterations: 1, warmupTime: 0 };

const program = fork(await bundledForThread(new URL("long-streams-program.ts", import.meta.url)), { execArgv: [] });
afterAll(() => void program.kill());

describe("a push/pull of 20 MiB each way, compressed and encrypted", () => {
  async function exchange(workers: URL | undefined): Promise<ExchangeFigures> {
    const figures = new Promise<ExchangeFigures>((resolve) =>
      program.once("message", (message) => resolve(message as ExchangeFigures)),
    );
    program.send(workers?.href ?? "");
    return figures;
  }

  const cases: readonly (readonly [string, URL | undefined])[] = [
    ["in threads", entry],
    ["on the event loop", undefined],
  ];
  for (const [name, workers] of cases) {
    const all: ExchangeFigures[] = [];
    const teardown = (_task: unknown, mode: string): void => {
      if (mode !== "run") return;
      const list = (figure: keyof ExchangeFigures): string => all.map((one) => one[figure].toFixed(0)).join(", ");
      process.stdout.write(
        `20 MiB ${name}: the event loop stood still for up to ${list("stall")} ms; it took ${list("took")} ms\n`,
      );
    };
    bench(name, async () => void all.push(await exchange(workers)), { ...once, teardown });
  }
});

describe.each([16, 64, 256, 1024])("to compress and encrypt %i KiB", (size) => {
  const pool = new WorkerPool({ workers: { entry }, log: createLog({ clock: systemClock() }) });
  const inline = new NodeCrypto();
  const bytes = letters(size * 1024);
  const job = { compress: true, encrypt: { key, version: 1, label: new Uint8Array() } } as const;
  const work: WorkerJob = { kind: "encode", bytes, job };
  const short = { time: 300, warmupTime: 100 };
  bench("in a thread", async () => void (await pool.encode(bytes, job)), short);
  bench("on the event loop", () => void doWorkerJob(inline, work), short);
});

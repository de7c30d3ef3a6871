import { monitorEventLoopDelay } from "node:perf_hooks";
import { bench, describe } from "vitest";
import { createMemberlist, generateKey, lanConfig, systemClock, type WorkerOptions } from "@memberlist/transport-node";
import { createLog } from "@memberlist/core/internal";
import { CodecPool } from "../../transport-node/src/codec-pool.ts";
import { doCodecWork, type CodecWork } from "../../transport-node/src/codec-work.ts";
import { NodeCodec } from "../../transport-node/src/node-codec.ts";
import { bundledCodecWorker } from "./codec-worker.ts";
import { letters } from "./payloads.ts";

const entry = await bundledCodecWorker();
const key = generateKey();
const once = { iterations: 3, time: 0, warmupIterations: 1, warmupTime: 0 };

describe("a push/pull of 20 MiB each way, compressed and encrypted", () => {
  const state = letters(20 * 1024 * 1024);

  async function exchange(workers: WorkerOptions): Promise<number> {
    const delegate = { localState: () => state };
    const base = { ...lanConfig(), bindAddr: "127.0.0.1", bindPort: 0, secretKey: key, pushPullInterval: 0, workers };
    const a = await createMemberlist({ ...base, name: "a", delegate });
    const b = await createMemberlist({ ...base, name: "b", delegate });
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await b.join([`127.0.0.1:${a.localNode().port}`]);
    delay.disable();
    await Promise.all([a.shutdown(), b.shutdown()]);
    return delay.max / 1e6;
  }

  const cases: readonly (readonly [string, WorkerOptions])[] = [
    ["in threads", { entry }],
    ["on the event loop", { off: true }],
  ];
  for (const [name, workers] of cases) {
    const stalls: string[] = [];
    const teardown = (_task: unknown, mode: string): void => {
      if (mode === "run") process.stdout.write(`20 MiB ${name}: the event loop stood still for up to ${stalls.join(", ")} ms\n`);
    };
    bench(name, async () => void stalls.push((await exchange(workers)).toFixed(0)), { ...once, teardown });
  }
});

describe.each([16, 64, 256, 1024])("to compress and encrypt %i KiB", (size) => {
  const pool = new CodecPool({ workers: { entry }, log: createLog({ clock: systemClock() }) });
  const inline = new NodeCodec();
  const bytes = letters(size * 1024);
  const job = { compress: true, encrypt: { key, version: 1, label: new Uint8Array() } } as const;
  const work: CodecWork = { kind: "seal", bytes, job };
  const short = { time: 300, warmupTime: 100 };
  bench("in a thread", async () => void (await pool.seal(bytes, job)), short);
  bench("on the event loop", () => void doCodecWork(inline, work), short);
});

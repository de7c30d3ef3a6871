import { monitorEventLoopDelay } from "node:perf_hooks";
import { createMemberlist, decodeKey, generateKey, lanConfig, type WorkerOptions } from "@memberlist/transport-node";
import { letters } from "./payloads.ts";

/** What a push/pull of 20 MiB each way, compressed and encrypted, came to; in ms. */
export interface ExchangeFigures {
  /** The longest that the event loop of the process, which has both members, stood still. */
  readonly stall: number;
  /** From the call of join to its result. */
  readonly took: number;
}

const state = letters(20 * 1024 * 1024);
const secretKey = decodeKey(generateKey());

async function exchange(workers: WorkerOptions): Promise<ExchangeFigures> {
  const delegate = { localState: () => state };
  const base = { ...lanConfig(), bindAddr: "127.0.0.1", bindPort: 0, secretKey, pushPullInterval: 0, workers };
  const a = await createMemberlist({ ...base, name: "a", delegate });
  const b = await createMemberlist({ ...base, name: "b", delegate });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = performance.now();
  await b.join([`127.0.0.1:${a.localNode().port}`]);
  const took = performance.now() - start;
  delay.disable();
  await Promise.all([a.shutdown(), b.shutdown()]);
  return { stall: delay.max / 1e6, took };
}

/** A process that does nothing else: a test runner has a heap of its own, whose garbage collection would be measured, too. */
process.on("message", (entry: string) => {
  exchange(entry === "" ? { off: true } : { entry: new URL(entry) }).then(
    (figures) => process.send?.(figures),
    (error: unknown) => {
      throw error;
    },
  );
});

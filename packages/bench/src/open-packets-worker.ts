import { parentPort } from "node:worker_threads";
import { openBatch } from "./open-packets.ts";

/** A thread that opens batches of packets, for inbound-batches.bench.ts. */
parentPort?.on("message", (batch: Uint8Array) => {
  const opened = openBatch(batch);
  parentPort?.postMessage(opened, [opened.buffer as ArrayBuffer]);
});

import { move } from "piscina";
import { doWorkerJob, failureOf, type WorkerFailure, type WorkerJob } from "./worker-job.ts";
import { NodeCrypto } from "./node-crypto.ts";

/** Its nonces are its own: random, from a pool that no other thread has. */
const crypto = new NodeCrypto();

/** Shorter results are copied, longer ones transferred. In bytes. */
const copiedMax = 64 * 1024;

/** What the threads of a {@link WorkerPool} run. A long result is transferred, not copied. */
export default function workerEntry(work: WorkerJob): Uint8Array | WorkerFailure {
  try {
    const bytes = doWorkerJob(crypto, work);
    // A small part of something would take the rest along; what is short may also share its memory with what comes next.
    const isOwn = bytes.byteLength > copiedMax && bytes.byteLength >= bytes.buffer.byteLength / 2;
    const whole = isOwn ? bytes : new Uint8Array(bytes);
    return move(whole) as Uint8Array;
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    return failure;
  }
}

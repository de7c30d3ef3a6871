import { setTimeout as sleep } from "node:timers/promises";
import { taskOf, type Case } from "./cases.ts";
import { Child } from "./child.ts";
import type { Mark } from "./node-task.ts";
import type { Runtime } from "./runtimes.ts";

export interface Sample {
  /** Packets per second, delivered to the delegate as they were sent. */
  readonly delivered: number;
  /** CPU time of both processes per delivered packet, in microseconds. */
  readonly cpu: number;
  /** Share of all packets sent that were not delivered. */
  readonly loss: number;
}

export interface MeasureOptions {
  readonly warmup: number;
  /** Measured, in ms. */
  readonly duration: number;
  /** Packets per second; 0: as fast as backpressure lets them out. */
  readonly rate: number;
}

/** Runs one pair of nodes once. */
export async function measure(runtime: Runtime, which: Case, { warmup, duration, rate }: MeasureOptions): Promise<Sample> {
  const receiver = new Child(runtime);
  const sender = new Child(runtime);
  try {
    const task = taskOf(which);
    const port = await receiver.start({ ...task, role: "receiver", port: 0, rate: 0 });
    await sender.start({ ...task, role: "sender", port, rate });
    await sleep(warmup);
    const from = await Promise.all([receiver.mark(), sender.mark()]);
    await sleep(duration);
    const to = await Promise.all([receiver.mark(), sender.mark()]);
    const sent = await sender.stop();
    const all = await settled(receiver);
    if (all.bad > 0) throw new Error(`${runtime.name}: ${all.bad} messages came out other than they were sent`);
    const count = to[0].count - from[0].count;
    const cpu = to[0].cpu - from[0].cpu + to[1].cpu - from[1].cpu;
    return {
      delivered: (count / (to[0].at - from[0].at)) * 1000,
      cpu: cpu / Math.max(1, count),
      loss: 1 - all.count / Math.max(1, (await sender.mark()).count, sent.count),
    };
  } finally {
    sender.kill();
    receiver.kill();
  }
}

/** Once nothing more arrives. */
async function settled(receiver: Child): Promise<Mark> {
  let last = await receiver.mark();
  for (;;) {
    await sleep(100);
    const now = await receiver.mark();
    if (now.count === last.count) return now;
    last = now;
  }
}

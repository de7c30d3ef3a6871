import { VirtualClock } from "@memberlist/core/testing";
import { expect, test } from "vitest";
import { settleByTicks } from "../src/settle.ts";
import { simulate } from "../src/simulate.ts";

/** What a run of joins, push/pulls, crashes and restarts leaves behind. */
async function traceOf(settle: (() => Promise<void>) | undefined): Promise<readonly [string, number]> {
  const sim = await simulate({ nodes: 8, seed: 5, latency: [1, 20], loss: 0.1, config: { pushPullInterval: 3_000 }, settle });
  await sim.crash("node-3");
  await sim.clock.advance(20_000);
  await sim.restart("node-3", { memory: true });
  await sim.leave("node-4");
  await sim.clock.advance(10_000);
  await sim.end();
  return [sim.trace.hash, sim.trace.entries];
}

test("repeats a run byte for byte if promises settle by ticks instead of macrotasks", async () => {
  const byMacrotasks = await traceOf(undefined);
  expect(byMacrotasks[1]).toBeGreaterThan(500);
  expect(await traceOf(settleByTicks)).toEqual(byMacrotasks);
});

test("ends chains of promises between two timers when it settles by ticks", async () => {
  const clock = new VirtualClock({ settle: settleByTicks });
  const order: string[] = [];
  const chains: Promise<void>[] = [];
  const run = async (name: string): Promise<void> => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
    order.push(name);
  };
  const chain = (name: string): void => void chains.push(run(name));
  for (let i = 0; i < 200; i++) {
    clock.setTimeout(() => {
      order.push(`timer ${i}`);
      chain(`promise ${i}`);
    }, i);
  }
  // Out of a macrotask, where ticks come before promise jobs.
  await new Promise<void>((resolve, reject) => {
    setImmediate(() => {
      chain("before");
      clock.advance(200).then(resolve, reject);
    });
  });
  await Promise.all(chains);
  const expected = Array.from({ length: 200 }, (_, i) => [`timer ${i}`, `promise ${i}`]).flat();
  expect(order).toEqual(["before", ...expected]);
});

test("yields to the event loop during a long run that settles by ticks", async () => {
  const clock = new VirtualClock({ settle: settleByTicks });
  for (let i = 0; i < 1_000; i++) clock.setTimeout(() => {}, i);
  let at = Infinity;
  setImmediate(() => (at = clock.now()));
  await clock.advance(1_000);
  expect(at).toBeLessThan(200);
});

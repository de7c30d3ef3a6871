import { expect, test } from "vitest";
import { agreementBound, InvariantError, simulate, Simulation } from "../src/index.ts";

test("ends a run at the instant at which a custom invariant is broken", async () => {
  const sim = await simulate({ nodes: 2 });
  const from = sim.clock.now();
  sim.invariant("short", () => (sim.clock.now() - from > 5_000 ? "it went on" : undefined));
  const error = await sim.clock.advance(60_000).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InvariantError);
  expect(error).toMatchObject({ invariant: "short" });
  expect((error as InvariantError).at - from).toBeLessThanOrEqual(6_000);
  await sim.end();
});

test("reports a partitioned cluster that does not agree within the bound", async () => {
  const sim = await simulate({ nodes: 4 });
  sim.network.partition(["node-0"]);
  const start = sim.clock.now();
  await sim.clock.advance(60_000);
  await expect(sim.settle()).rejects.toMatchObject({ invariant: "agreement" });
  expect(sim.clock.now() - start).toBeGreaterThanOrEqual(60_000 + agreementBound({}, 4));
  await sim.end();
});

test("checks invariants without a change of the trace", async () => {
  const hash = async (checkInterval: number): Promise<string> => {
    const sim = await simulate({ nodes: 6, seed: 5, loss: 0.1, latency: [1, 30], checkInterval });
    await sim.crash("node-3");
    await sim.clock.advance(30_000);
    await sim.end();
    return sim.trace.hash;
  };
  expect(await hash(100)).toBe(await hash(0));
});

test("raises the bound of agreement with the size and the timeouts", () => {
  expect(agreementBound({}, 10)).toBeLessThan(agreementBound({}, 100));
  expect(agreementBound({ suspicionMult: 8 }, 10)).toBeGreaterThan(agreementBound({}, 10));
});

test("accepts incarnations of a node that ended before the check", async () => {
  const sim = new Simulation({ checkInterval: 60_000 });
  for (let i = 0; i < 3; i++) await sim.add();
  expect(await sim.join("node-1", ["node-0"])).toBe(1);
  expect(await sim.join("node-2", ["node-0"])).toBe(1);
  await sim.clock.settle(sim.node("node-2").members.updateNode({ meta: new Uint8Array([1]) }));
  const { incarnation } = sim.node("node-2").members.localNode();
  await sim.crash("node-2");
  expect(sim.views("node-0").get("node-2")).toMatchObject({ incarnation });
  sim.check();
  await sim.end();
});

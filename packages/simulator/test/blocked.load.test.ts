import { describe, expect, it } from "vitest";
import { simulate, type Simulation } from "../src/index.ts";

interface Outcome {
  readonly accusations: number;
  readonly eventLoopBlocked: number;
  readonly score: number;
}

/** The first of `nodes` is blocked for 3 s every 5 s, as by a busy loop: afterwards late timers come first, then what waits in the sockets. */
async function blocked(lagAwareness: boolean, seed: number, rounds: number): Promise<Outcome> {
  const sim = await simulate({ nodes: 10, seed, latency: [40, 120], config: { lagAwareness } });
  let accusations = 0;
  let eventLoopBlocked = 0;
  const { members } = sim.node("node-0");
  const events = members.events();
  for (let round = 0; round < rounds; round++) {
    await sim.clock.advance(1_000 + sim.random.next() * 2_000);
    sim.pause("node-0");
    await sim.clock.advance(3_000);
    sim.node("node-0").clock.resume();
    await sim.clock.advance(0);
    sim.node("node-0").transport.release();
  }
  await sim.end();
  for await (const event of events) {
    if (event.type === "suspect" && event.from === "node-0") accusations++;
    if (event.type === "event_loop_blocked") eventLoopBlocked++;
  }
  return { accusations, eventLoopBlocked, score: members.healthScore() };
}

describe("a process blocked for 3 s every 5 s", () => {
  it("accuses at most a twentieth of the nodes that it accuses without lag awareness", { timeout: 180_000 }, async () => {
    const off = await blocked(false, 1, 200);
    const on = await blocked(true, 1, 200);
    expect(off.accusations).toBeGreaterThanOrEqual(20);
    expect(on.accusations).toBeLessThanOrEqual(off.accusations / 20);
    expect(off.eventLoopBlocked).toBe(0);
    expect(on.eventLoopBlocked).toBeGreaterThan(190);
    expect(on.score).toBeGreaterThan(off.score);
  });

  it("detects a node that died", async () => {
    const sim: Simulation = await simulate({ nodes: 2, seed: 3, latency: 5 });
    await sim.clock.advance(1_000);
    await sim.crash("node-1");
    const events = sim.node("node-0").members.events();
    for (let round = 0; round < 60; round++) {
      await sim.clock.advance(2_000);
      sim.pause("node-0");
      await sim.clock.advance(3_000);
      sim.resume("node-0");
    }
    expect(sim.node("node-0").members.numMembers()).toBe(1);
    await sim.end();
    const seen: string[] = [];
    for await (const event of events) if (event.type !== "event_loop_blocked") seen.push(event.type);
    expect(seen).toEqual(["suspect", "leave", "isolated"]);
  });
});

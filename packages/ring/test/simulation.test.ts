import { describe, expect, it } from "vitest";
import { simulate } from "@memberlist/simulator";
import { createRing, leader } from "../src/index.ts";
import { keys, names } from "./support.ts";

describe("a simulated cluster", () => {
  it.each([1, 2, 3])(
    "gives all members the same owners and leader after loss, a partition, crashes and restarts (seed %i)",
    async (seed) => {
      const sim = await simulate({ seed, nodes: 12, start: "preloaded", loss: 0.05 });
      const rings = new Map(sim.running.map(({ name, members }) => [name, createRing(members)]));
      const leaders = new Map(sim.running.map(({ name, members }) => [name, leader(members, { settle: 3_000 })]));
      sim.network.partition(["node-1", "node-2", "node-3", "node-4"]);
      await sim.clock.advance(30_000);
      await sim.crash("node-5");
      await sim.crash("node-6");
      await sim.clock.advance(10_000);
      sim.network.heal();
      const { members } = await sim.restart("node-5");
      rings.set("node-5", createRing(members));
      leaders.set("node-5", leader(members, { settle: 3_000 }));
      await sim.join("node-5", ["node-0"]);
      await sim.settle();
      await sim.clock.advance(4_000);
      expect(sim.agrees()).toBe(true);
      const running = sim.running.map(({ name }) => name).sort();
      expect(running).toHaveLength(11);
      const views = running.map((name) => ({
        members: names(rings.get(name)?.members ?? []),
        owners: keys(100).map((key) => names(rings.get(name)?.ownersOf(key, 3) ?? [])),
        leader: leaders.get(name)?.current?.name,
      }));
      expect(views[0]?.members).toEqual(running);
      expect(views[0]?.leader).toBeDefined();
      for (const view of views) expect(view).toEqual(views[0]);
      await sim.end();
    },
  );

  it("moves about 1/n of the keys when one of n members dies, and all of them from it", async () => {
    const sim = await simulate({ nodes: 10, start: "preloaded" });
    const ring = createRing(sim.node("node-0").members);
    const all = keys(20_000);
    const before = all.map((key) => names(ring.ownersOf(key))[0]);
    await sim.crash("node-7");
    await sim.settle();
    await sim.clock.advance(0);
    const moved = all.flatMap((key, i) => (names(ring.ownersOf(key))[0] === before[i] ? [] : [before[i]]));
    expect(new Set(moved)).toEqual(new Set(["node-7"]));
    // The mean is 2,000, and the standard deviation 42.
    expect(Math.abs(moved.length - 2_000)).toBeLessThan(250);
    await sim.end();
  });
});

import { MemoryNetwork, transportConformance } from "@memberlist/core/testing";
import { simulate } from "@memberlist/simulator";

/** What the packages for tests export works, too. Rejects when it does not. */
export async function runSimulation(): Promise<void> {
  const sim = await simulate({ nodes: 3, seed: 1 });
  await sim.clock.runUntil(() => sim.agrees());
  await sim.end();
  if (typeof MemoryNetwork !== "function" || typeof transportConformance !== "function") {
    throw new TypeError("@memberlist/core/testing lacks something");
  }
}

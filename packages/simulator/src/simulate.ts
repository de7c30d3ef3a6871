import { MemberlistError } from "@memberlist/core";
import { checkCluster } from "./simulation-rules.ts";
import { Simulation, type SimulationOptions } from "./simulation.ts";

/** How long they have to agree, in ms. */
const limit = 600_000;
/** How closely that is looked at, in ms. */
const step = 50;

export interface SimulateOptions extends SimulationOptions {
  /** How many, "node-0" and up. Default 3. */
  readonly nodes?: number;
  /**
   * How they get to know each other. `join`: they join the first, and time passes until all agree. `preloaded`: they know each other from
   * the start, at no time and little cost. Default `join`.
   */
  readonly start?: "join" | "preloaded";
}

/**
 * Starts a cluster in virtual time: its nodes have joined the first one (or been preloaded), and all agree, when it returns.
 *
 * @throws MemberlistError `timeout` when they do not agree within 10 virtual minutes; `invalid_argument`
 */
export async function simulate({ nodes = 3, start = "join", ...options }: SimulateOptions = {}): Promise<Simulation> {
  checkCluster({ nodes, start });
  const simulation = new Simulation(options);
  for (let i = 0; i < nodes; i++) await simulation.add();
  if (start === "preloaded") {
    simulation.preload();
    return simulation;
  }
  const joins = simulation.names.slice(1).map((name) => simulation.startJoin(name, ["node-0"]));
  await simulation.clock.settle(Promise.all(joins), { limit });
  // At intervals: to ask all nodes after each timer would take longer than the timers do.
  const until = simulation.clock.now() + limit;
  while (!simulation.agrees()) {
    if (simulation.clock.now() >= until) {
      throw new MemberlistError("timeout", `${nodes} nodes do not agree after ${limit} ms (seed ${simulation.seed})`);
    }
    await simulation.clock.advance(step);
  }
  return simulation;
}

import { MemberlistError } from "@memberlist/core";
import { checkOptions, integer, oneOf, type Rules } from "@memberlist/core/internal";
import { Simulation } from "./simulation.ts";
import type { SimulationOptions } from "./simulation-options.ts";

/** The time in which the nodes must agree, in ms. */
const limit = 600_000;
/** The interval between two checks of that, in ms. */
const step = 50;

/** Options of `simulate`. */
export interface SimulateOptions extends SimulationOptions {
  /** The number of nodes. Their names are "node-0" and so on. Default 3. */
  readonly nodes?: number;
  /**
   * `join`: the nodes join the first one, and time passes until all agree. `preloaded`: the nodes know each other from the start, which takes no
   * virtual time and little CPU time. Default `join`.
   */
  readonly start?: "join" | "preloaded";
}

const clusterRules: Rules<Pick<SimulateOptions, "nodes" | "start">> = { nodes: integer(1), start: oneOf(["join", "preloaded"]) };

/**
 * Starts a cluster in virtual time, and returns when its nodes have joined the first one (or been preloaded) and all agree.
 *
 * @throws MemberlistError `timeout` when they do not agree within 10 virtual minutes; `invalid_argument`
 */
export async function simulate({ nodes = 3, start = "join", ...options }: SimulateOptions = {}): Promise<Simulation> {
  checkOptions("simulate", { nodes, start }, clusterRules);
  const simulation = new Simulation(options);
  for (let i = 0; i < nodes; i++) await simulation.add();
  if (start === "preloaded") {
    simulation.preload();
    return simulation;
  }
  const joins = simulation.names.slice(1).map((name) => simulation.startJoin(name, ["node-0"]));
  await simulation.clock.settle(Promise.all(joins), { limit });
  // At intervals: a check of all nodes after each timer would take longer than the timers.
  const until = simulation.clock.now() + limit;
  while (!simulation.agrees()) {
    if (simulation.clock.now() >= until) {
      throw new MemberlistError("timeout", `${nodes} nodes do not agree after ${limit} ms (seed ${simulation.seed})`);
    }
    await simulation.clock.advance(step);
  }
  return simulation;
}

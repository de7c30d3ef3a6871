import { MemberlistError } from "@memberlist/core";
import { Simulation, type SimulationOptions } from "./simulation.ts";

/** How long they have to agree, in ms. */
const limit = 600_000;
/** How closely that is looked at, in ms. */
const step = 50;

export interface SimulateOptions extends SimulationOptions {
  /** How many, "node-0" and up. Default 3. */
  readonly nodes?: number;
}

/**
 * Starts a cluster in virtual time: its nodes have joined the first one, and all agree, when it returns.
 *
 * @throws MemberlistError `timeout` when they do not agree within 10 virtual minutes
 */
export async function simulate({ nodes = 3, ...options }: SimulateOptions = {}): Promise<Simulation> {
  const simulation = new Simulation(options);
  for (let i = 0; i < nodes; i++) await simulation.add();
  const joins = simulation.names.slice(1).map((name) => simulation.startJoin(name, ["node-0"]));
  await simulation.clock.settle(Promise.all(joins), { limit });
  // At intervals: to ask all nodes after each timer would take longer than the timers do.
  const until = simulation.clock.now() + limit;
  while (!simulation.agrees()) {
    if (simulation.clock.now() >= until) throw new MemberlistError("timeout", `${nodes} nodes do not agree after ${limit} ms`);
    await simulation.clock.advance(step);
  }
  return simulation;
}

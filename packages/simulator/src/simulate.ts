import { Simulation, type SimulationOptions } from "./simulation.ts";

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
  await simulation.clock.settle(Promise.all(joins), { limit: 600_000 });
  await simulation.clock.runUntil(() => simulation.running.every(({ members }) => members.numMembers() === nodes), {
    limit: 600_000,
  });
  await simulation.clock.runUntil(() => simulation.agrees(), { limit: 600_000 });
  return simulation;
}

export { InvariantError } from "./invariants.ts";
export type { LatencyModel } from "./latency.ts";
export { agreementBound } from "./liveness.ts";
export type { NodeClock } from "./node-clock.ts";
export type { AppConfig, NodeStatus, SimEvent, SimNode, View } from "./sim-node.ts";
export type { SimNetwork, SimNetworkOptions } from "./sim-network.ts";
export { settleByTicks } from "./settle.ts";
export { simulate, type SimulateOptions } from "./simulate.ts";
export {
  Simulation,
  type AppContext,
  type HoldOptions,
  type Invariant,
  type ReleaseOptions,
  type RestartOptions,
  type SimulationOptions,
} from "./simulation.ts";
export type { Trace } from "./trace.ts";

/** For tests and simulations: virtual time, reproducible randomness, and a network within one process. */
export { transportConformance } from "./conformance/conformance.ts";
export type { ConformanceCase, ConformanceHarness, ConformanceRelay, ConformanceResource } from "./conformance/harness.ts";
export {
  MemoryNetwork,
  type MemoryNetworkOptions,
  type MemoryNetworkStats,
  type MemoryTransportOptions,
} from "./memory-network.ts";
export { MemoryTransport } from "./memory-transport.ts";
export type { BlockOptions, Endpoint, Latency, Loss, TrafficFaults } from "./network-conditions.ts";
export { SeededRandom } from "./seeded-random.ts";
export { settlePromises, VirtualClock, type RunOptions, type VirtualClockOptions } from "./virtual-clock.ts";

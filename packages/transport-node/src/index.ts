export * from "@memberlist/core";
export * from "@memberlist/core/transport";
export {
  type Environment,
  type EnvironmentConfig,
  type EnvironmentOptions,
  type HostInterfaces,
  type RunOptions,
  type StopSignal,
  type SystemLookup,
  type ThreadConfig,
  type ThreadOptions,
} from "@memberlist/core/internal";
export { type WorkerOptions } from "./worker-pool.ts";
export { createMemberlist, type NodeConfig } from "./create-memberlist.ts";
export { configFromEnv, runUntilSignal } from "./deployment.ts";
export { fetchMembers, type FetchMembersOptions } from "./fetch-members.ts";
export { fileStore } from "./file-store.ts";
export { NodeTransport, type NodeTransportCounters, type NodeTransportOptions } from "./node-transport.ts";

export * from "@memberlist/core";
export * from "@memberlist/core/transport";
export { type HostInterfaces, type SystemLookup } from "@memberlist/core/internal";
export { type WorkerOptions } from "./worker-pool.ts";
export { createMemberlist, type NodeConfig } from "./create-memberlist.ts";
export { fetchMembers, type FetchMembersOptions } from "./fetch-members.ts";
export { fileStore } from "./file-store.ts";
export { NodeTransport, type NodeTransportCounters, type NodeTransportOptions } from "./node-transport.ts";

export * from "@memberlist/core";
export { type HostInterfaces } from "@memberlist/core/internal";
export { createMemberlist } from "./create-memberlist.ts";
export { DenoTransport, type DenoTransportCounters, type DenoTransportOptions } from "./deno-transport.ts";

export * from "@memberlist/core";
export { type HostInterfaces } from "./advertise.ts";
export { createMemberlist } from "./create-memberlist.ts";
export { NodeTransport, type NodeTransportCounters, type NodeTransportOptions } from "./node-transport.ts";
export { type SystemLookup } from "./resolver.ts";
export { type TcpStream } from "./tcp-stream.ts";

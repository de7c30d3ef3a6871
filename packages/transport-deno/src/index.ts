export * from "@memberlist/core";
export * from "@memberlist/core/transport";
export { type HostInterfaces, type SystemLookup } from "@memberlist/core/internal";
export { createMemberlist, type DenoConfig } from "./create-memberlist.ts";
export { DenoTransport, type DenoTransportCounters, type DenoTransportOptions } from "./deno-transport.ts";
export { fileStore } from "./file-store.ts";
export { type CredentialsPem } from "./quic/credentials.ts";
export { type QuicConfig } from "./quic/quic-config.ts";
export { QuicTransport, type QuicTransportCounters, type QuicTransportOptions } from "./quic/quic-transport.ts";

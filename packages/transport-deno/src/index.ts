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
export { createMemberlist, type DenoConfig } from "./create-memberlist.ts";
export { configFromEnv, runUntilSignal } from "./deployment.ts";
export { DenoTransport, type DenoTransportCounters, type DenoTransportOptions } from "./deno-transport.ts";
export { fetchMembers, type FetchMembersOptions } from "./fetch-members.ts";
export { fileStore } from "./file-store.ts";
export { type CredentialsPem } from "./quic/credentials.ts";
export { type Authorize } from "./quic/handshake.ts";
export { type QuicConfig } from "./quic/quic-options.ts";
export { QuicTransport, type QuicTransportCounters, type QuicTransportOptions } from "./quic/quic-transport.ts";

import type { Config, FetchedMembers, FetchMembersOptions, Memberlist, Seed, Transport } from "@memberlist/core";
import type { Environment, EnvironmentConfig, ThreadConfig } from "@memberlist/core/internal";

/** A transport and the port that it is bound to. */
export type BoundTransport = Transport & { readonly bindPort: number };

/** The fields that all transport packages have. */
export interface AgentConfig extends Config {
  readonly thread?: ThreadConfig;
}

/** The functions that the transport package of a runtime (Node, Bun or Deno) provides. */
export interface Runtime {
  createMemberlist(config: AgentConfig): Promise<Memberlist>;
  configFromEnv(env: Environment): Promise<EnvironmentConfig>;
  fetchMembers(seed: Seed, options: Partial<FetchMembersOptions>): Promise<FetchedMembers>;
  /** Binds UDP and TCP to a free port of a literal IP. */
  bind(host: string): Promise<BoundTransport>;
}

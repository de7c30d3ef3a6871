import type { Config, FetchedMembers, FetchMembersOptions, Memberlist, Seed, Store, Transport } from "@memberlist/core";

/** A transport with the port that it is bound to. */
export type BoundTransport = Transport & { readonly bindPort: number };

/** What Node, Bun and Deno bring, each by its transport package. */
export interface Runtime {
  createMemberlist(config: Config): Promise<Memberlist>;
  fetchMembers(seed: Seed, options: Partial<FetchMembersOptions>): Promise<FetchedMembers>;
  fileStore(path: string): Store;
  /** UDP and TCP on a free port of a literal IP. */
  bind(host: string): Promise<BoundTransport>;
}

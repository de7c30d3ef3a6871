import type { Config, FetchedMembers, FetchMembersOptions, Memberlist, Seed, Store } from "@memberlist/core";

/** What Node, Bun and Deno bring, each by its transport package. */
export interface Runtime {
  createMemberlist(config: Config): Promise<Memberlist>;
  fetchMembers(seed: Seed, options: Partial<FetchMembersOptions>): Promise<FetchedMembers>;
  fileStore(path: string): Store;
}

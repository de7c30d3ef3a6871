import type { FetchedMembers, FetchMembersOptions as CoreOptions, Seed } from "@memberlist/core";
import { fetchWithTransport } from "@memberlist/core/internal";
import { NodeTransport } from "./node-transport.ts";

/** Options of {@link fetchMembers}: those of the core, with an optional `transport`. */
export type FetchMembersOptions = Partial<CoreOptions>;

/**
 * Asks one member for all members that it knows, without joining; see the core's `fetchMembers`. It binds no port.
 *
 * @throws MemberlistError as the core's; ConfigError `invalid_config`
 *
 * @example
 * const { members } = await fetchMembers("10.0.0.5:7946", { label: "shop" });
 * for (const { name, addr, state } of members) console.log(name, addr, state);
 */
export function fetchMembers(seed: Seed, options: FetchMembersOptions = {}): Promise<FetchedMembers> {
  return fetchWithTransport(seed, options, () => NodeTransport.dialOnly());
}

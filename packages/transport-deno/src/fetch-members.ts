import {
  fetchMembers as fetchOver,
  type FetchedMembers,
  type FetchMembersOptions as CoreOptions,
  type Seed,
} from "@memberlist/core";
import { denoClock } from "./deno-clock.ts";
import { DenoTransport } from "./deno-transport.ts";

/** Options of {@link fetchMembers}: the core's, without the transport. */
export type FetchMembersOptions = Partial<CoreOptions>;

/**
 * Asks one member for all members that it knows, without joining; see the core's `fetchMembers`. It binds no port, and needs no `--unstable-net`.
 *
 * @throws MemberlistError as the core's; ConfigError `invalid_config`
 *
 * @example
 * const { members } = await fetchMembers("10.0.0.5:7946", { label: "shop" });
 * for (const { name, addr, state } of members) console.log(name, addr, state);
 */
export async function fetchMembers(seed: Seed, options: FetchMembersOptions = {}): Promise<FetchedMembers> {
  if (options?.transport !== undefined) return fetchOver(seed, { ...options, transport: options.transport });
  const transport = DenoTransport.dialOnly();
  try {
    return await fetchOver(seed, { clock: denoClock(), ...options, transport });
  } finally {
    await transport.shutdown();
  }
}

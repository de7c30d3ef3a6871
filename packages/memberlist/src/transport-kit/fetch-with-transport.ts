import type { FetchedMembers, FetchMembersOptions } from "../api/fetched-members.ts";
import type { Seed } from "../api/seeds.ts";
import type { Transport } from "../ports/transport.ts";
import { fetchMembers } from "../runtime/fetch-members.ts";

/**
 * Fetches members over `options.transport`. Without one it opens a transport, and shuts it down afterwards.
 *
 * @param open makes the transport, which only dials
 * @throws what `fetchMembers` and `open` throw
 */
export async function fetchWithTransport(
  seed: Seed,
  options: Partial<FetchMembersOptions>,
  open: () => Transport,
): Promise<FetchedMembers> {
  if (options?.transport !== undefined) return fetchMembers(seed, { ...options, transport: options.transport });
  const transport = open();
  try {
    return await fetchMembers(seed, { ...options, transport });
  } finally {
    await transport.shutdown();
  }
}

import type { Memberlist } from "@memberlist/core";
import { print, runMember } from "./member.ts";
import type { Runtime } from "./runtime.ts";

/**
 * The leader is the member with the lowest name. It costs nothing, and it is no consensus:
 *
 * - a partition has a leader on each side, as neither can tell the other from dead;
 * - while news travels (some gossip rounds, and seconds for a failure) nodes may follow different leaders;
 * - a leader that is cut off, or was held up, goes on believing that it leads.
 *
 * So it is good for work that may be done twice or not at all for a moment (a cache to warm, a report to send), and not for
 * what must be done by one: that takes a lock with a fencing token, out of a store that has a quorum.
 */
export async function leader(runtime: Runtime): Promise<void> {
  const none = (): object => ({});
  await runMember(runtime, none, async ({ members, events }) => {
    let current = "";
    const choose = (): void => {
      const chosen = lowestName(members);
      if (chosen !== current) print(chosen === members.localNode().name ? `leader: ${chosen} (this node)` : `leader: ${chosen}`);
      current = chosen;
    };
    choose();
    for await (const _ of events) choose();
  });
}

/** By code units, not by a locale: all nodes must agree on the order. A suspect counts: it is most likely alive. */
function lowestName(members: Memberlist): string {
  return members
    .members()
    .map(({ name }) => name)
    .reduce((lowest, name) => (name < lowest ? name : lowest));
}

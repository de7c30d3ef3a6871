import { addressOf, print, runMember } from "./member.ts";
import type { Runtime } from "./runtime.ts";

/** Joins, and prints each change of the membership and who is there then. */
export async function agent(runtime: Runtime): Promise<void> {
  const none = (): object => ({});
  await runMember(runtime, none, async ({ members, events }) => {
    const list = (): string =>
      members
        .members()
        .map(({ name }) => name)
        .sort()
        .join(" ");
    print(`members: ${list()}`);
    for await (const event of events) {
      if (!("node" in event)) continue;
      const { node } = event;
      print(`${event.type} ${node.name} ${addressOf(node)} (${node.state}); members: ${list()}`);
    }
  });
}

import { TransmitLimitedQueue, type Delegate, type Memberlist } from "@memberlist/core";
import { print, runMember } from "./member.ts";
import type { Runtime } from "./runtime.ts";

/**
 * What is typed goes to all others by gossip: no node sends to each. A line travels in packets, so it is short (some 1,300 bytes), it may
 * come out of order, and a node that joins later never sees it. Ctrl-D ends it.
 */
export async function chat(runtime: Runtime): Promise<void> {
  let members: Memberlist | undefined;
  const queue = new TransmitLimitedQueue({
    numNodes: () => members?.numMembers() ?? 1,
    maxPayload: () => members?.maxPayload() ?? Infinity,
    retransmitMult: 4,
  });
  // A line comes several times, and each node hands it on once: that is how it reaches those that its author did not choose.
  const seen = new Set<string>();
  const handOn = (message: Uint8Array, id: string): void => {
    seen.add(id);
    if (seen.size > 10_000) seen.delete([...seen.values()].at(0) ?? "");
    queue.queueBroadcast({ message, unique: true });
  };
  const delegate: Delegate = {
    getBroadcasts: (overhead, limit) => queue.getBroadcasts(overhead, limit),
    notifyMsg: (message) => {
      const line = decode(message);
      if (line === undefined || seen.has(line.id)) return;
      handOn(message, line.id);
      print(`${line.from}: ${line.text}`);
    },
  };
  const config = (): { delegate: Delegate } => ({ delegate });
  await runMember(runtime, config, async (member) => {
    members = member.members;
    const largest = members.config.udpBufferSize - 100;
    for await (const text of runtime.lines()) {
      const id = crypto.randomUUID();
      const message = new TextEncoder().encode(JSON.stringify({ id, from: member.options.name, text }));
      if (message.length > largest) print(`too long: ${message.length} bytes, a packet has room for ${largest}`);
      else handOn(message, id);
    }
  });
}

interface Line {
  readonly id: string;
  readonly from: string;
  readonly text: string;
}

/** Undefined for what is no line of a chat: others may use the cluster, too. */
function decode(message: Uint8Array): Line | undefined {
  try {
    const { id, from, text } = JSON.parse(new TextDecoder().decode(message)) as Record<string, unknown>;
    return typeof id === "string" && typeof from === "string" && typeof text === "string" ? { id, from, text } : undefined;
  } catch {
    return undefined;
  }
}

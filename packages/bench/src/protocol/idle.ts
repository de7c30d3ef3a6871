import { setTimeout as sleep } from "node:timers/promises";
import type { Experiment } from "./experiments.ts";
import { Member, type Kind, type Programs } from "./member.ts";
import { openPeers } from "./open-peers.ts";
import type { Peers } from "./peers.ts";

export const idleSizes = [10, 100, 1000] as const;
/** Each interval is this much shorter than the LAN default, so that the CPU time is long enough to measure. */
const speed = 5;
/** Of each size. */
const nodesOfAKind = 3;
const duration = 18_000;
/** Until the messages about 1,000 members, each of which is gossiped 16 times, is out: 13 s at this speed. */
const settling = 17_000;
const lan = { probeInterval: 1000, probeTimeout: 500, gossipInterval: 200, pushPullInterval: 30_000 };

export function idleFigure(size: number): string {
  return `an idle node in a cluster of ${size}: CPU`;
}

/**
 * The cost of a node in a cluster without changes: it probes and answers probes, looks for messages to gossip, and exchanges states as often as in a
 * cluster of that size. The others only answer. All nodes run side by side; together they need a few hundredths of a core.
 */
export const idleCpu: Experiment = {
  name: "idle",
  steps: (_rounds, kinds) => idleSizes.length * kinds * nodesOfAKind,
  run: async ({ programs, kinds, figures, step }) => {
    const copies = Array.from({ length: nodesOfAKind });
    const runs = idleSizes.flatMap((size) => kinds.flatMap((kind) => copies.map(() => ({ size, kind }))));
    const found = await Promise.all(
      runs.map(async ({ size, kind }) => {
        const cpu = await idle(programs, kind, size);
        step();
        return cpu;
      }),
    );
    for (const [i, { size, kind }] of runs.entries()) figures.add(idleFigure(size), "ms/s", kind, found[i] as number);
  },
};

async function idle(programs: Programs, kind: Kind, size: number): Promise<number> {
  const peers = await openPeers(programs, kind, size - 1);
  const member = await Member.start(programs, kind, {
    name: "idle",
    probeInterval: lan.probeInterval / speed,
    probeTimeout: lan.probeTimeout / speed,
    gossipInterval: lan.gossipInterval / speed,
  });
  try {
    return await cpuOf(member, peers, size, kind);
  } finally {
    await member.end();
    await peers.close();
  }
}

/** In ms for each second at the LAN defaults. */
async function cpuOf(member: Member, peers: Peers, size: number, kind: Kind): Promise<number> {
  await peers.pushPull(member.port);
  // If the peers have failed, their next answer below is an error, too.
  const ping = (): unknown => peers.ping(member.port, "idle").catch(() => undefined);
  const pings = setInterval(ping, lan.probeInterval / speed);
  try {
    await sleep(settling);
    const before = await member.do({ do: "mark" });
    const packets = await peers.packets();
    // A node starts as many exchanges as it answers; to let it answer all of them is the same work, without the luck of when.
    const exchange = (lan.pushPullInterval * pushPullScale(size)) / speed / 2;
    for (let at = Math.min(exchange, duration / 2); at < duration; at += exchange) {
      await sleep(Math.min(exchange, duration / 2));
      await peers.pushPull(member.port);
    }
    await sleep(Math.max(0, duration % exchange));
    const after = await member.do({ do: "mark" });
    if (after.members !== size) throw new Error(`${kind}: ${after.members} members instead of ${size}`);
    // A ping and an ack in each probe interval, and room for a busy machine.
    const most = (3 * duration * speed) / lan.probeInterval;
    const came = (await peers.packets()) - packets;
    if (came > most) throw new Error(`${kind}: ${came} packets: it is not idle`);
    return (after.cpu - before.cpu) / 1000 / ((duration / 1000) * speed);
  } finally {
    clearInterval(pings);
  }
}

/** PROTOCOL.md section 7. */
function pushPullScale(size: number): number {
  return size <= 32 ? 1 : Math.ceil(Math.log2(size) - Math.log2(32)) + 1;
}

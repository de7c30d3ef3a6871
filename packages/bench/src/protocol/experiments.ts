import { setTimeout as sleep } from "node:timers/promises";
import type { Figures } from "../figure.ts";
import { Member, encrypted, type Kind, type Programs } from "./member.ts";
import type { Peers } from "./peers.ts";

interface Bench {
  readonly programs: Programs;
  readonly kinds: readonly Kind[];
  readonly rounds: number;
  readonly figures: Figures;
  /** Returns more than 10,000 peers in the wire form of that kind. */
  readonly peersOf: (kind: Kind) => Peers;
  /** After each step of {@link Experiment.steps}. */
  readonly step: () => void;
}

/** One part of `pnpm bench protocol`. */
export interface Experiment {
  readonly name: string;
  /** It needs the Go library's wire form, or more of a member than the Rust node implements. */
  readonly excludesRust?: true;
  /** For the progress. */
  readonly steps: (rounds: number, kinds: number) => number;
  readonly run: (bench: Bench) => Promise<void>;
}

export const clusterSize = 10_000;
/** Members beyond these: what a table has that already is one. */
export const extraMembers = 1_000;
const pushPullTime = `push/pull of ${clusterSize} members, compressed and encrypted: time`;
const pushPullStall = `push/pull of ${clusterSize} members: longest stall, either end`;
const joinTime = `a new process joins ${clusterSize} members: time`;
const joinStall = `a new process joins ${clusterSize} members: longest stall`;
const storm = `join storm of ${clusterSize + extraMembers} alive messages`;
const stormStall = `${storm}: longest stall`;
const stormCpu = `${storm}: CPU`;
const memory = `memory of a member in the table, at ${clusterSize}`;

/** What the targets are about. */
export const measured = { pushPullTime, pushPullStall, joinTime, joinStall, stormStall, stormCpu, memory } as const;

/** Two members that both know 10,000 others exchange their states; then a new one joins. */
export const pushPull: Experiment = {
  name: "push-pull",
  steps: (rounds, kinds) => (2 * rounds + 1) * kinds,
  run: async ({ programs, kinds, rounds, figures, peersOf, step }) => {
    const pairs = new Map<Kind, readonly [Member, Member]>();
    try {
      for (const kind of kinds) {
        const both = await Promise.all(["one", "other"].map((name) => Member.start(programs, kind, { ...encrypted, name })));
        pairs.set(kind, both as [Member, Member]);
        for (const member of both) {
          await peersOf(kind).pushPull(member.port, clusterSize);
          await settled(member, clusterSize + 1);
        }
        await both[1]?.join(both[0] as Member);
        step();
      }
      for (let round = 0; round < rounds; round++) {
        for (const [kind, [one, other]] of pairs) {
          await Promise.all([one.do({ do: "reset" }), other.do({ do: "reset" })]);
          const before = await Promise.all([one.do({ do: "mark" }), other.do({ do: "mark" })]);
          const { took } = await other.join(one);
          await sleep(200);
          const after = await Promise.all([one.do({ do: "mark" }), other.do({ do: "mark" })]);
          figures.add(pushPullTime, "ms", kind, took);
          figures.add(pushPullStall, "ms", kind, Math.max(...after.map(({ stall }) => stall)));
          const cpu = after.reduce((sum, mark, i) => sum + mark.cpu - (before[i]?.cpu ?? 0), 0) / 1000;
          figures.add(`push/pull of ${clusterSize} members: CPU of both ends`, "ms", kind, cpu);
          step();
        }
      }
      for (let round = 0; round < rounds; round++) {
        for (const [kind, [one]] of pairs) {
          const comer = await Member.start(programs, kind, { ...encrypted, name: `new-${round}` });
          await comer.do({ do: "reset" });
          const { took, stall, members } = await comer.join(one);
          await comer.end();
          if (members <= clusterSize) throw new Error(`${kind}: ${members} members after the join`);
          figures.add(joinTime, "ms", kind, took);
          figures.add(joinStall, "ms", kind, stall);
          step();
        }
      }
    } finally {
      await Promise.all([...pairs.values()].flat().map((member) => member.end()));
    }
  },
};

/** 10,000 alive messages of unknown members come at once, in full packets. */
export const joinStorm: Experiment = {
  name: "join-storm",
  steps: (rounds, kinds) => rounds * kinds,
  run: async ({ programs, kinds, rounds, figures, peersOf, step }) => {
    for (let round = 0; round < rounds; round++) {
      for (const kind of kinds) {
        const peers = peersOf(kind);
        const member = await Member.start(programs, kind);
        const before = await member.do({ do: "reset" });
        await peers.storm(member.port);
        const after = await settled(member, peers.size + 1);
        await member.end();
        figures.add(`${storm}: time`, "ms", kind, after.joining);
        figures.add(stormStall, "ms", kind, after.stall);
        figures.add(stormCpu, "ms", kind, (after.cpu - before.cpu) / 1000);
        figures.add(`${storm}: members lost`, "", kind, peers.size + 1 - after.members);
        step();
      }
    }
  },
};

/** What 10,000 members add to a table that has some, once everything about them has been gossiped. */
export const memoryPerMember: Experiment = {
  name: "memory",
  steps: (_rounds, kinds) => kinds,
  run: async ({ programs, kinds, figures, peersOf, step }) => {
    for (const kind of kinds) {
      const peers = peersOf(kind);
      figures.add(memory, "bytes", kind, await memoryOf(programs, kind, peers, peers.size - clusterSize));
      step();
    }
  },
};

/** Returns the memory of one more node in the table of a member that has `some`, in bytes, after the member has gossiped all nodes. */
export async function memoryOf(programs: Programs, kind: Kind, peers: Peers, some: number): Promise<number> {
  const member = await Member.start(programs, kind, { gossipInterval: 2, gossipNodes: 20 });
  const size = async (count: number): Promise<number> => {
    await peers.pushPull(member.port, count);
    await quiet(peers);
    const mark = await member.do({ do: "memory" });
    if (mark.members !== count + 1) throw new Error(`${kind}: ${mark.members} members instead of ${count + 1}`);
    return mark.memory;
  };
  try {
    const all = peers.size;
    const before = await size(some);
    return ((await size(all)) - before) / (all - some);
  } finally {
    await member.end();
  }
}

/** Encoding, decoding and the broadcast queue, in one process each, without any network. */
export const timings: Experiment = {
  name: "timings",
  excludesRust: true,
  steps: (rounds, kinds) => rounds * kinds,
  run: async ({ programs, kinds, rounds, figures, step }) => {
    const entries = 100_000;
    for (let round = 0; round < rounds; round++) {
      for (const kind of kinds) {
        const member = await Member.start(programs, kind);
        for (const [what, time] of Object.entries(await member.time({ do: "time-codec" }))) figures.add(what, "µs", kind, time);
        const queue = await member.time({ do: "time-queue", entries });
        for (const [what, time] of Object.entries(queue))
          figures.add(`queue of ${entries} broadcasts: ${what}`, "µs", kind, time);
        await member.end();
        step();
      }
    }
  },
};

/** Waits until the member knows all, or until no more arrive. */
export async function settled(member: Member, members: number): ReturnType<Member["do"]> {
  let mark = await member.do({ do: "mark" });
  for (let waits = 0; mark.members < members && waits < 20; waits++) {
    await sleep(25);
    const now = await member.do({ do: "mark" });
    if (now.members > mark.members) waits = 0;
    mark = now;
  }
  return mark;
}

/** Waits until the member has not gossiped for a while. */
async function quiet(peers: Peers): Promise<void> {
  for (let last = -1, now = await peers.packets(); now !== last; now = await peers.packets()) {
    last = now;
    await sleep(500);
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { epochMs, Peer, until } from "@memberlist/interop";
import { buildGoPeer } from "../go-node.ts";
import { Application } from "./application.ts";
import type { Mode } from "./application-task.ts";
import { modes, noteLoad, type ThreadBench, type ThreadExperiment } from "./experiments.ts";

const often = "blocked for 3 s in every 5";
const once = "blocked once for 20 s";
const long = "blocked for 60 s";

/** What the targets are about. */
export const blockedFigures = {
  suspicions: `${often}: suspicions, all others together`,
  deaths: `${once}: others that found it dead`,
  dead: `${long}: dead after`,
  back: `${long}: back after its end`,
} as const;

const blockTime = 3_000;
const cycleTime = 5_000;
/** A minute. */
const cycles = 12;
/** What is in flight, and suspicions that are refuted late. */
const settleTime = 5_000;
const backTimeout = 60_000;

/** This file's code runs from `bin/`, next to the program. */
const nodePeer = fileURLToPath(new URL("peer-program.mjs", import.meta.url));

interface Cluster {
  readonly app: Application;
  /** Two Go members and two on Node. */
  readonly others: readonly Peer[];
}

/** An application is blocked: what other members, Go's among them, make of its member. */
export const blocked: ThreadExperiment = {
  name: "blocked",
  steps: ({ isQuick }) => (isQuick ? 1 : 3),
  run: async (bench) => {
    const { figures, isQuick, step } = bench;
    const goPeer = await buildGoPeer();
    const clusters = await Promise.all(modes.map(async (mode) => [mode, await startCluster(mode, goPeer)] as const));
    const each = (work: (cluster: Cluster, mode: Mode) => Promise<void>): Promise<unknown> =>
      Promise.all(clusters.map(([mode, cluster]) => work(cluster, mode)));
    try {
      await each(async (cluster, mode) => blockOften(bench, cluster, mode));
      noteLoad(figures, often);
      step();
      if (isQuick) return;
      await each(async ({ app, others }, mode) => {
        const from = epochMs();
        await app.block(20_000);
        figures.add(blockedFigures.deaths, "", mode, others.filter((peer) => changes(peer, "dead", from).length > 0).length);
        await backIn(others);
      });
      noteLoad(figures, once);
      step();
      await each(async ({ app, others }, mode) => {
        const from = epochMs();
        await app.block(60_000);
        const end = epochMs();
        for (const peer of others) {
          figures.add(blockedFigures.dead, "s", mode, ((changes(peer, "dead", from)[0] ?? Number.NaN) - from) / 1000);
        }
        await backIn(others);
        figures.add(blockedFigures.back, "s", mode, (epochMs() - end) / 1000);
      });
      noteLoad(figures, long);
      step();
    } finally {
      await Promise.all(clusters.flatMap(([, { app, others }]) => [app.end(), ...others.map((peer) => peer.stop())]));
    }
  },
};

async function startCluster(mode: Mode, goPeer: string | undefined): Promise<Cluster> {
  const app = await Application.start({ mode });
  const others = await Promise.all([startOther(0, goPeer), startOther(1, goPeer), startOther(2), startOther(3)]);
  // Gossip may miss a member until its first push/pull, after 30 to 60 s. The second join is a push/pull with the application, which knows all by then.
  for (const peer of [...others, ...others]) await peer.join(app.address);
  const names = ["app", ...others.map(({ name }) => name)];
  await Promise.all(others.map((peer) => peer.waitForAlive(names, 30_000)));
  return { app, others };
}

/** @param goPeer undefined: one on Node */
function startOther(i: number, goPeer?: string): Promise<Peer> {
  const config = { preset: "lan", name: `other-${i}` } as const;
  if (goPeer !== undefined) return Peer.start("go", config, { command: [goPeer] });
  return Peer.start("node", config, { command: [process.execPath, nodePeer] });
}

async function blockOften({ figures, isQuick }: ThreadBench, { app, others }: Cluster, mode: Mode): Promise<void> {
  const from = epochMs();
  for (let i = 0; i < (isQuick ? 1 : cycles); i++) {
    await app.block(blockTime);
    await sleep(cycleTime - blockTime);
  }
  if (!isQuick) await sleep(settleTime);
  const counts = others.map((peer) => changes(peer, "suspect", from).length);
  figures.add(blockedFigures.suspicions, "", mode, sum(counts));
  figures.add(`${often}: suspicions, by Go members`, "", mode, sum(counts.filter((_, i) => others[i]?.kind === "go")));
  figures.add(`${often}: deaths`, "", mode, sum(others.map((peer) => changes(peer, "dead", from).length)));
  figures.add(`${often}: suspicions of other members`, "", mode, sum(others.map((peer) => otherSuspicions(peer, from))));
}

/** When a peer began to see the application's member in a state, in ms since the epoch. */
function changes(peer: Peer, state: "suspect" | "dead", from: number): number[] {
  return peer.events.flatMap((event) =>
    event.event === "state" && event.name === "app" && event.state === state && event.at >= from ? [event.at] : [],
  );
}

function otherSuspicions(peer: Peer, from: number): number {
  return peer.events.filter(
    (event) => event.event === "state" && event.name !== "app" && event.state === "suspect" && event.at >= from,
  ).length;
}

/** Until all others see the application's member as alive. */
async function backIn(others: readonly Peer[]): Promise<void> {
  await until(async () => (await Promise.all(others.map((peer) => peer.member("app")))).every((app) => app?.state === "alive"), {
    what: "all see the application's member alive",
    timeout: backTimeout,
  });
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}

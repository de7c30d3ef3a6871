import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { epochMs } from "@memberlist/interop";
import { encodeAlive } from "../../../memberlist/src/wire/messages/encode.ts";
import { quantile } from "../statistics.ts";
import type { Case } from "../throughput/cases.ts";
import { Pair } from "../throughput/pair.ts";
import type { Runtime } from "../throughput/runtimes.ts";
import { Application } from "./application.ts";
import type { Mode } from "./application-task.ts";
import { modes, noteLoad, type ThreadBench, type ThreadExperiment } from "./experiments.ts";

const cases = ([64, 1400] as const).flatMap((size) =>
  (["plain", "both"] as const).map((mode): Case => ({ size, mode, payload: "gossip" })),
);
/** The ends of a pair that have their members in threads. The other end has it on the event loop. */
type Threaded = "both" | "sender" | "receiver";
const threadedEnds: readonly Threaded[] = ["both", "sender", "receiver"];
/** Where the kernel runs the threads: on any core, or those of a process on its own core. Moving threads between cores, it leaves cores idle at times. */
type Placement = "any core" | "own core";
const notifiedWhat = "from a change's packet to the application's event";

/** The figures of the targets. */
export const costFigures = {
  rates: allNames(manyOnTheirWay).map((name) => `${name}: messages/s`),
  lost: allNames(windowsOf).map((name) => `${name}: lost`),
  notified: `${notifiedWhat}: p99`,
} as const;

/** In ms: the first messages of a pair, and the first and the measured ones of each window. */
const durations = { start: 500, warmup: 250, measured: 1_000 };
const quickDurations = { start: 50, warmup: 50, measured: 100 };
const node = fileURLToPath(new URL("node-program.mjs", import.meta.url));
const changes = 500;
const changeInterval = 5;

/** Messages, memory, the start and events of a member in a thread, beside one on the event loop. */
export const cost: ThreadExperiment = {
  name: "cost",
  steps: (size) => size.rounds * ((threadedEnds.length + 1) * casesOf(size).length * placements().length + modes.length),
  run: async (bench) => {
    const { figures, rounds, step } = bench;
    for (let round = 0; round < rounds; round++) {
      for (const which of casesOf(bench)) {
        for (const placement of placements()) {
          for (const ends of [undefined, ...threadedEnds]) {
            await measureMessages(bench, which, ends, placement);
            step();
          }
        }
      }
      for (const mode of modes) {
        await measureMember(bench, mode);
        step();
      }
      noteLoad(figures, "cost");
    }
  },
};

function casesOf({ isQuick }: Pick<ThreadBench, "isQuick">): readonly Case[] {
  return isQuick ? cases.filter(({ mode }) => mode === "plain") : cases;
}

let found: readonly Placement[] | undefined;

/** Those that this machine has; a missing one is reported once. */
function placements(): readonly Placement[] {
  if (found === undefined) {
    const isPossible = ["0", "1"].every((core) => spawnSync("taskset", ["-c", core, "true"]).status === 0);
    if (!isPossible) process.stderr.write("no process gets its own core: that needs the cores 0 and 1, and Linux' taskset\n");
    found = isPossible ? ["any core", "own core"] : ["any core"];
  }
  return found;
}

/**
 * How many messages may be on their way: 8, so that their number is limited by the delay of each, and 512 and more, so that many cross a thread's
 * boundary together. The buffer of the receiver's socket holds them all; twenty messages of 64 bytes share a packet.
 */
function windowsOf(which: Case): readonly number[] {
  return [8, ...manyOnTheirWay(which)];
}

function manyOnTheirWay({ size }: Case): readonly number[] {
  return size === 64 ? [512, 2048, 4096] : [512, 1024];
}

function nameOf({ mode, size }: Case, window: number, ends: Threaded, placement: Placement): string {
  const layers = mode === "plain" ? "plain" : "compressed and encrypted";
  const threaded = ends === "both" ? "" : `, only the ${ends} in a thread`;
  return `${size} bytes, ${layers}, ${window} on their way${threaded}${placement === "any core" ? "" : ", each process on its own core"}`;
}

/** Of all that may be measured, for the windows of each case. */
function allNames(windows: (which: Case) => readonly number[]): string[] {
  return (["any core", "own core"] as const).flatMap((placement) =>
    cases.flatMap((which) =>
      threadedEnds.flatMap((ends) => windows(which).map((window) => nameOf(which, window, ends, placement))),
    ),
  );
}

function runtimeOf(mode: Mode, core: number | undefined): Runtime {
  const command = [process.execPath, node, mode === "loop" ? "memberlist" : "thread"] as const;
  return { name: "node", command: core === undefined ? command : ["taskset", "-c", String(core), ...command], senders: [1] };
}

/** @param threaded undefined: both members are on event loops */
async function measureMessages(
  { figures, isQuick }: ThreadBench,
  which: Case,
  threaded: Threaded | undefined,
  placement: Placement,
): Promise<void> {
  const { measured, start, warmup } = isQuick ? quickDurations : durations;
  const end = (role: "sender" | "receiver", core: number): Runtime =>
    runtimeOf(threaded === role || threaded === "both" ? "thread" : "loop", placement === "any core" ? undefined : core);
  const pair = await Pair.start({ sender: end("sender", 1), receiver: end("receiver", 0) }, which);
  const mode = threaded === undefined ? "loop" : "thread";
  try {
    await pair.send({ window: 512 }, start);
    for (const window of windowsOf(which)) {
      const { cpu, lost, packetRate, rate, sent, threadCpu } = await pair.send({ window }, measured, warmup);
      // The pair on event loops is what all the others are compared with.
      for (const ends of threaded === undefined ? threadedEnds : [threaded]) {
        const name = nameOf(which, window, ends, placement);
        figures.add(`${name}: messages/s`, "", mode, rate);
        if (ends !== "receiver") figures.add(`${name}: application's CPU per message sent`, "µs", mode, threadCpu.sender);
        if (ends !== "sender") figures.add(`${name}: application's CPU per message received`, "µs", mode, threadCpu.receiver);
        figures.add(`${name}: CPU of both processes per message`, "µs", mode, (cpu * packetRate) / rate);
        figures.add(`${name}: lost`, "%", mode, (lost / sent) * 100);
      }
    }
  } finally {
    await pair.end();
  }
}

async function measureMember({ figures, isQuick }: ThreadBench, mode: Mode): Promise<void> {
  const app = await Application.start({ mode, probeInterval: 0, pushPullInterval: 0 });
  try {
    figures.add("start: createMemberlist", "ms", mode, app.first.started);
    await sleep(isQuick ? 0 : 500);
    figures.add("resident memory of a process with one member", "MiB", mode, (await app.mark()).rss / 2 ** 20);
    await sendChanges(app.first.port, isQuick ? changes / 10 : changes);
    await sleep(200);
    const { notified } = await app.mark();
    figures.add(`${notifiedWhat}: p50`, "ms", mode, quantile(notified, 0.5));
    figures.add(`${notifiedWhat}: p99`, "ms", mode, quantile(notified, 0.99));
    figures.add(`${notifiedWhat}: max`, "ms", mode, Math.max(...notified));
  } finally {
    await app.end();
  }
}

/** Sends alive messages of a member whose metadata is, in each, the time at which it is sent. */
async function sendChanges(port: number, count: number): Promise<void> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const own = socket.address().port;
  for (let i = 0; i < count; i++) {
    const meta = new TextEncoder().encode(String(epochMs()));
    const alive = encodeAlive({ incarnation: i + 1, node: "peer", addr: "127.0.0.1", port: own, meta, vsn: [1, 5, 2, 0, 0, 0] });
    socket.send(alive, port, "127.0.0.1");
    await sleep(changeInterval);
  }
  socket.close();
}

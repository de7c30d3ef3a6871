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
/**
 * How many messages may be on their way: 8, so that their number is limited by the delay of each, and 512, so that many cross a thread's boundary
 * together. The buffer of the receiver's socket holds more than 512 messages of each case.
 */
const windows = [8, 512] as const;
const notifiedWhat = "from a change's packet to the application's event";

/** The figures of the targets. */
export const costFigures = {
  rates: cases.map((which) => `${nameOf(which, 512)}: messages/s`),
  lost: cases.flatMap((which) => windows.map((window) => `${nameOf(which, window)}: lost`)),
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
  steps: (size) => size.rounds * modes.length * (casesOf(size).length + 1),
  run: async (bench) => {
    const { figures, rounds, step } = bench;
    for (let round = 0; round < rounds; round++) {
      for (const which of casesOf(bench)) {
        for (const mode of modes) {
          await measureMessages(bench, which, mode);
          step();
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

function nameOf({ mode, size }: Case, window: number): string {
  return `${size} bytes, ${mode === "plain" ? "plain" : "compressed and encrypted"}, ${window} on their way`;
}

function runtimeOf(mode: Mode): Runtime {
  return { name: "node", command: [process.execPath, node, mode === "loop" ? "memberlist" : "thread"], senders: [1] };
}

async function measureMessages({ figures, isQuick }: ThreadBench, which: Case, mode: Mode): Promise<void> {
  const { measured, start, warmup } = isQuick ? quickDurations : durations;
  const pair = await Pair.start(runtimeOf(mode), which);
  try {
    await pair.send({ window: 512 }, start);
    for (const window of windows) {
      const { cpu, lost, packetRate, rate, sent, threadCpu } = await pair.send({ window }, measured, warmup);
      const name = nameOf(which, window);
      figures.add(`${name}: messages/s`, "", mode, rate);
      figures.add(`${name}: application's CPU per message sent`, "µs", mode, threadCpu.sender);
      figures.add(`${name}: application's CPU per message received`, "µs", mode, threadCpu.receiver);
      figures.add(`${name}: CPU of both processes per message`, "µs", mode, (cpu * packetRate) / rate);
      figures.add(`${name}: lost`, "%", mode, (lost / sent) * 100);
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

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { epochMs } from "@memberlist/interop";
import { encodeAlive } from "../../../memberlist/src/wire/messages/encode.ts";
import { quantile } from "../statistics.ts";
import type { Case } from "../throughput/cases.ts";
import { findSetting } from "../throughput/measure.ts";
import { Pair } from "../throughput/pair.ts";
import type { Runtime } from "../throughput/runtimes.ts";
import type { Setting } from "../throughput/window-search.ts";
import { Application } from "./application.ts";
import type { Mode } from "./application-task.ts";
import { modes, noteLoad, type ThreadBench, type ThreadExperiment } from "./experiments.ts";

const cases = ([64, 1400] as const).flatMap((size) =>
  (["plain", "both"] as const).map((mode): Case => ({ size, mode, payload: "gossip" })),
);
const notifiedWhat = "from a change's packet to the application's event";

/** What the targets are about. */
export const costFigures = {
  rates: cases.map((which) => `${nameOf(which)}: messages/s`),
  notified: `${notifiedWhat}: p99`,
} as const;

const durations = { warmup: 350, full: 700, eased: 0, attempt: 100 };
const quickDurations = { warmup: 50, full: 100, eased: 0, attempt: 20 };
const quickSetting: Setting = { window: 32, senders: 1 };
const node = fileURLToPath(new URL("node-program.mjs", import.meta.url));
const changes = 500;
const changeInterval = 5;

/** Messages, memory, the start and events of a member in a thread, beside one on the event loop. */
export const cost: ThreadExperiment = {
  name: "cost",
  steps: (size) => (size.isQuick ? 0 : modes.length * cases.length) + size.rounds * modes.length * (casesOf(size).length + 1),
  run: async (bench) => {
    const { figures, rounds, step } = bench;
    const settings = await findSettings(bench);
    for (let round = 0; round < rounds; round++) {
      for (const which of casesOf(bench)) {
        for (const mode of modes) {
          await measureMessages(bench, which, mode, settings.get(`${nameOf(which)}/${mode}`) ?? quickSetting);
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

function nameOf({ mode, size }: Case): string {
  return `${size} bytes, ${mode === "plain" ? "plain" : "compressed and encrypted"}`;
}

function runtimeOf(mode: Mode): Runtime {
  return { name: "node", command: [process.execPath, node, mode === "loop" ? "memberlist" : "thread"], senders: [1] };
}

/** For each case and mode, the window with which it does best. */
async function findSettings({ isQuick, step }: ThreadBench): Promise<ReadonlyMap<string, Setting>> {
  const settings = new Map<string, Setting>();
  if (isQuick) return settings;
  for (const which of cases) {
    for (const mode of modes) {
      settings.set(`${nameOf(which)}/${mode}`, await findSetting(runtimeOf(mode), which, durations));
      step();
    }
  }
  return settings;
}

async function measureMessages({ figures, isQuick }: ThreadBench, which: Case, mode: Mode, setting: Setting): Promise<void> {
  const { full, warmup } = isQuick ? quickDurations : durations;
  const pair = await Pair.start(runtimeOf(mode), which);
  try {
    const { cpu, lost, packetRate, rate, sent, threadCpu } = await pair.send(setting, full, warmup);
    const name = nameOf(which);
    figures.add(`${name}: messages/s`, "", mode, rate);
    figures.add(`${name}: application's CPU per message sent`, "µs", mode, threadCpu.sender);
    figures.add(`${name}: application's CPU per message received`, "µs", mode, threadCpu.receiver);
    figures.add(`${name}: CPU of both processes per message`, "µs", mode, (cpu * packetRate) / rate);
    figures.add(`${name}: lost`, "%", mode, (lost / sent) * 100);
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
    figures.add(notifiedWhat.concat(": p99"), "ms", mode, quantile(notified, 0.99));
    figures.add(notifiedWhat.concat(": max"), "ms", mode, Math.max(...notified));
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

/** A member under test, on Node: see member-task.ts. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { createMemberlist, lanConfig } from "@memberlist/transport-node";
import { letters } from "../payloads.ts";
import type { MemberMark, MemberOrder, MemberTask } from "./member-task.ts";
import { timeCodec, timeQueue } from "./timings.ts";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const first = await lines.next();
const task = JSON.parse(String(first.value)) as MemberTask;
const state = letters(task.userState);
let firstJoin = Number.NaN;
let lastJoin = Number.NaN;

const list = await createMemberlist({
  ...lanConfig(),
  name: task.name,
  bindAddr: "127.0.0.1",
  bindPort: 0,
  enableCompression: task.compress,
  ...(task.key === null ? {} : { secretKey: new Uint8Array(Buffer.from(task.key, "base64")) }),
  gossipVerifyIncoming: false,
  probeInterval: task.probeInterval,
  probeTimeout: task.probeTimeout,
  gossipInterval: task.gossipInterval,
  gossipNodes: task.gossipNodes,
  pushPullInterval: 0,
  healingInterval: 0,
  handoffQueueDepth: 65_536,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  delegate: { localState: () => state },
  events: {
    notifyJoin: () => {
      lastJoin = performance.now();
      if (Number.isNaN(firstJoin)) firstJoin = lastJoin;
    },
  },
});
const delay = monitorEventLoopDelay({ resolution: 1 });
answer({ port: list.localNode().port });

for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
  answer(await follow(JSON.parse(line.value) as MemberOrder));
}
process.exit(0);

async function follow(order: MemberOrder): Promise<unknown> {
  if (order.do === "time-codec") return timeCodec();
  if (order.do === "time-queue") return timeQueue(order.entries);
  if (order.do === "reset") {
    // Only now: an idle node has no such timer.
    delay.enable();
    delay.reset();
    firstJoin = lastJoin = Number.NaN;
  }
  const start = performance.now();
  if (order.do === "join") await list.join([order.address]);
  return mark(performance.now() - start, order.do === "memory" ? await memory() : 0);
}

function mark(took: number, bytes: number): MemberMark {
  const { user, system } = process.cpuUsage();
  const stall = delay.max / 1e6;
  return { members: list.numMembers(), cpu: user + system, stall, joining: lastJoin - firstJoin || 0, took, memory: bytes };
}

/** What is left after several collections: what a finalizer holds goes with the next one. */
async function memory(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => void setTimeout(resolve, 10));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

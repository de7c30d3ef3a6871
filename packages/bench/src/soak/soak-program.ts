/** A member of the soak, with a process and so a heap of its own: see soak-task.ts. */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { getHeapCodeStatistics, writeHeapSnapshot } from "node:v8";
import { createMemberlist, lanConfig } from "@memberlist/transport-node";
import { letters } from "../payloads.ts";
import type { SoakMark, SoakOrder, SoakTask } from "./soak-task.ts";

const broadcastBytes = 100;
const reliableBytes = 10_000;
const tickMs = 20;
const reliableEvery = 1000;
const updateEvery = 2000;
const pushPullInterval = 5000;
const collections = 5;

// Ctrl-C reaches the whole process group. The parent ends us by the end of our stdin.
process.on("SIGINT", () => undefined);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const first = await lines.next();
const task = JSON.parse(String(first.value)) as SoakTask;
const counts = { broadcasts: 0, received: 0, reliable: 0, updates: 0, failures: 0 };
const body = letters(broadcastBytes);
const long = letters(reliableBytes);
const failed = (): void => void counts.failures++;

const list = await createMemberlist({
  ...lanConfig(),
  name: task.name,
  bindAddr: "127.0.0.1",
  bindPort: 0,
  secretKey: new Uint8Array(Buffer.from(task.key, "base64")),
  pushPullInterval,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  delegate: {
    nodeMeta: () => new TextEncoder().encode(`${task.name} ${counts.updates}`),
    localState: () => long,
    notifyMsg: () => void counts.received++,
  },
});
answer({ port: list.localNode().port });

for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
  answer(await follow(JSON.parse(line.value) as SoakOrder));
}
process.exit(0);

async function follow(order: SoakOrder): Promise<unknown> {
  if (order.do === "join") return list.join(order.addresses);
  if (order.do === "measure") return measure();
  if (order.do === "snapshot") return { file: writeHeapSnapshot(order.file) };
  work();
  return {};
}

/** From now on until the process ends. */
function work(): void {
  const start = performance.now();
  setInterval(() => {
    const due = Math.floor(((performance.now() - start) / 1000) * task.rate);
    // What a pause of the process has delayed is sent at once, but not more than a second of it.
    counts.broadcasts = Math.max(counts.broadcasts, due - task.rate);
    for (; counts.broadcasts < due; counts.broadcasts++) list.broadcast(body).catch(failed);
  }, tickMs);
  setInterval(() => {
    const others = list.members().filter(({ name }) => name !== task.name);
    const to = others[counts.reliable % others.length];
    if (to === undefined) return failed();
    counts.reliable++;
    list.sendReliable(to, long).catch(failed);
  }, reliableEvery);
  setInterval(() => {
    counts.updates++;
    list.updateNode().catch(failed);
  }, updateEvery);
}

/** The least of several collections: what a finalizer holds goes with the next one, and a message may be under way at any of them. */
async function measure(): Promise<SoakMark> {
  let { heapUsed: heap, external } = process.memoryUsage();
  for (let i = 0; i < collections; i++) {
    await sleep(10);
    globalThis.gc?.();
    const usage = process.memoryUsage();
    heap = Math.min(heap, usage.heapUsed);
    external = Math.min(external, usage.external);
  }
  const { code_and_metadata_size: compiled, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
  return { heap, code: compiled + bytecode, external, members: list.numMembers(), ...counts };
}

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

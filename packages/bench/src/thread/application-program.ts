/** An application with a member, whose event loop can be blocked: see application-task.ts. */
import { createInterface } from "node:readline";
import { epochMs } from "@memberlist/interop";
import { createMemberlist, lanConfig, type Config, type ThreadConfig } from "@memberlist/transport-node";
import type { ApplicationMark, ApplicationOrder, ApplicationTask } from "./application-task.ts";

/** In `bin/`, next to this program. */
const stateModule = new URL("state-program.mjs", import.meta.url);
const nothing = new Int32Array(new SharedArrayBuffer(4));

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const task = JSON.parse(String((await lines.next()).value)) as ApplicationTask;
let notified: number[] = [];

const begun = performance.now();
const list = await createMemberlist({
  ...lanConfig(),
  name: task.name,
  bindAddr: "127.0.0.1",
  bindPort: 0,
  ...(task.key === null ? {} : { secretKey: new Uint8Array(Buffer.from(task.key, "base64")), gossipVerifyIncoming: false }),
  ...(task.probeInterval === undefined ? {} : { probeInterval: task.probeInterval }),
  ...(task.pushPullInterval === undefined ? {} : { pushPullInterval: task.pushPullInterval }),
  ...(task.tcpTimeout === undefined ? {} : { tcpTimeout: task.tcpTimeout }),
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  events: { notifyUpdate: ({ meta }) => void notified.push(epochMs() - Number(new TextDecoder().decode(meta))) },
  ...(await modeFields()),
});
const started = performance.now() - begun;
answer(mark());

for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
  const order = JSON.parse(line.value) as ApplicationOrder;
  if (order.do === "join") await list.join([order.address]);
  if (order.do === "block") Atomics.wait(nothing, 0, 0, order.ms);
  answer(mark());
}
process.exit(0);

async function modeFields(): Promise<Partial<Config> & { readonly thread?: ThreadConfig }> {
  if (task.mode === "thread") return { thread: task.hasState ? { module: stateModule } : true };
  if (!task.hasState) return {};
  const { default: fields } = (await import(stateModule.href)) as { readonly default: Partial<Config> };
  return fields;
}

function mark(): ApplicationMark {
  const latencies = notified;
  notified = [];
  const { rss } = process.memoryUsage();
  return { port: list.localNode().port, members: list.numMembers(), started, rss, notified: latencies };
}

function answer(value: ApplicationMark): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

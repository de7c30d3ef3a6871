// npx -y pnpm@12 example cron
import process from "node:process";
import { parseArgs } from "node:util";
import { leader } from "@memberlist/ring";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";
import { schedule, shutdown } from "node-cron";

// A job of node-cron that one member of the cluster runs: the leader of the task. When it dies, another one takes over after some seconds. This is
// not consensus: in a partition each side may run the job. The guide docs/guide/ring.md explains when that is good enough.

process.on("uncaughtException", (error) => {
  for (const line of String(error).split("\n")) console.log(line); // not the stack
  process.exit(1);
});
const { values } = parseArgs({
  options: {
    name: { type: "string", default: `node-${crypto.randomUUID().slice(0, 8)}` }, // unique in the cluster
    bind: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" }, // 0: a free port
    join: { type: "string", multiple: true, default: [] }, // host:port of any member
    key: { type: "string", default: generateKey() }, // the first member makes one, the others get it
    settle: { type: "string", default: "5000" }, // ms before a new leader starts
  },
});
const stop = new AbortController();
process.once("SIGINT", () => stop.abort()).once("SIGTERM", () => stop.abort());

const members = await createMemberlist({
  ...lanConfig(),
  name: values.name,
  label: "example",
  secretKey: decodeKey(values.key),
  bindAddr: values.bind,
  bindPort: Number(values.port),
});
const events = members.events({ signal: stop.signal });
console.log(`${values.name} is running. Others: --join ${members.toJSON().address} --key ${values.key}`);
const report = leader(members, { task: "report", settle: Number(values.settle) });
report.onLeader((node) => console.log(node === undefined ? "no leader" : `${node.name} runs the job`));
try {
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  const run = (): void => console.log(`report at ${new Date().toISOString()}`);
  const runCoordinator = { shouldRun: () => report.isMe };
  schedule("* * * * * *", run, { name: "report", distributed: true, runCoordinator });
  for await (const _ of events); // until Ctrl-C
  await shutdown();
  await members.leave();
} finally {
  await members.shutdown();
}

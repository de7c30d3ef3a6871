// npx -y pnpm@12 example config-push
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createTopics } from "@memberlist/topics";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";

// A configuration that every process has: a line such as `level=debug` at any member changes it at all of them. A member that joins later gets
// the last value of each setting.

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
const topics = createTopics(members);
for (const setting of ["level", "limit"]) {
  topics.subscribe(setting, (message) => print(`${setting} is ${String(message.json())}, set by ${message.sender}`));
}
try {
  print(`${values.name} is running. Others: --join ${members.toJSON().address} --key ${values.key}`);
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  for await (const line of createInterface({ input: process.stdin, signal: stop.signal })) {
    const [setting = "", value = ""] = line.split("=");
    if (setting !== "level" && setting !== "limit") print("type level=VALUE or limit=VALUE");
    else await topics.publish(setting, value, { retain: true });
  }
  await members.leave();
} finally {
  process.stdin.destroy();
  await members.shutdown();
}

/** Values come from other members: their control characters must not reach the terminal. */
function print(line: string): void {
  console.log(line.replaceAll(/\p{Cc}/gu, "?"));
}

// bun --conditions=@memberlist/source examples/bun/agent.ts
import process from "node:process";
import { parseArgs } from "node:util";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";

// Joins a cluster and prints each change of the membership.

process.on("uncaughtException", (error) => {
  for (const line of String(error).split("\n")) print(line); // not the stack
  process.exit(1);
});
const { values } = parseArgs({
  options: {
    name: { type: "string", default: `node-${crypto.randomUUID().slice(0, 8)}` }, // unique in the cluster
    bind: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" }, // 0: a free port
    join: { type: "string", multiple: true, default: [] }, // host:port of any member
    thread: { type: "boolean", default: false }, // sockets and protocol go on while this program computes
    key: { type: "string", default: generateKey() }, // the first member makes one, the others get it
  },
});
const stop = new AbortController();
process.once("SIGINT", () => stop.abort()).once("SIGTERM", () => stop.abort());

const members = await createMemberlist({
  ...lanConfig(),
  name: values.name,
  label: "example", // keeps clusters apart that share a network
  secretKey: values.key === "" ? undefined : decodeKey(values.key), // encrypts everything; --key "" does not
  bindAddr: values.bind,
  bindPort: Number(values.port),
  thread: values.thread,
});
try {
  const events = members.events({ signal: stop.signal });
  print(`${values.name} is running. Others: --join ${members.toJSON().address} --key ${values.key}`);
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  print(`members: ${names()}`);

  for await (const event of events) {
    if (!("node" in event)) continue;
    const { name, addr, port, state } = event.node;
    print(`${event.type} ${name} at ${addr} port ${port} (${state}); members: ${names()}`);
  }
  // Without this, the others would find out by probing and report a failure.
  await members.leave();
} finally {
  await members.shutdown();
}

function names(): string {
  const all = members.members().map(({ name }) => name);
  return all.sort().join(" ");
}

/** Names come from other members: their control characters must not reach the terminal. */
function print(line: string): void {
  console.log(line.replaceAll(/\p{Cc}/gu, "?"));
}

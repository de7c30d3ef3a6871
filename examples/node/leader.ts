// npx -y pnpm@12 example leader
import process from "node:process";
import { parseArgs } from "node:util";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";

// The member with the lowest name leads. This costs nothing, and it is not consensus:
//
// - a partition has a leader on each side, because each side takes the other for dead;
// - while an update travels (some gossip rounds, and seconds for a failure) nodes may follow different leaders;
// - a leader that is cut off or paused goes on believing that it leads.
//
// Use it for work that may be done twice, or not at all for a moment, such as warming a cache. Work that exactly one node must do needs
// a lock with a fencing token from a store with a quorum.

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
let leader = "";
try {
  const events = members.events({ signal: stop.signal });
  print(`${values.name} is running. Others: --join ${members.toJSON().address} --key ${values.key}`);
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  choose();
  for await (const _ of events) choose();
  await members.leave();
} finally {
  await members.shutdown();
}

function choose(): void {
  // By code units, not by a locale: all nodes must agree on the order. A suspect counts: it is most likely alive.
  const [lowest = ""] = members
    .members()
    .map(({ name }) => name)
    .sort();
  if (lowest === leader) return;
  leader = lowest;
  print(`leader: ${leader}${leader === values.name ? " (this node)" : ""}`);
}

/** Names come from other members: their control characters must not reach the terminal. */
function print(line: string): void {
  console.log(line.replaceAll(/\p{Cc}/gu, "?"));
}

// npx -y pnpm@12 example cache-invalidation
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { LRUCache } from "lru-cache";
import { createTopics } from "@memberlist/topics";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";

// Each process has a cache of its own, and drops an entry as soon as any process changes it. `get KEY` prints where a value came from, `set KEY`
// changes it (here nothing but the notice). The time limit of the entries is for a member that was cut off for longer than the retention.

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
const cache = new LRUCache<string, string>({ max: 10_000, ttl: 10 * 60_000 });
const topics = createTopics(members, { retention: 10 * 60_000 });
topics.subscribe("cache.invalidate", (message) => {
  const key = String(message.json());
  // This process has changed the value itself, and may have read it again since.
  if (message.sender === values.name || !cache.delete(key)) return;
  print(`dropped ${key}, which ${message.sender} has changed`);
});
try {
  print(`${values.name} is running. Others: --join ${members.toJSON().address} --key ${values.key}`);
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  for await (const line of createInterface({ input: process.stdin, signal: stop.signal })) {
    const [command, key = ""] = line.split(" ");
    if (command === "get") print(`${key} is ${read(key)}`);
    else if (command === "set") await change(key);
    else print("type get KEY or set KEY");
  }
  await members.leave();
} finally {
  process.stdin.destroy();
  await members.shutdown();
}

/** The value of a key, from the cache or, in a real service, from the database. */
function read(key: string): string {
  const cached = cache.get(key);
  if (cached !== undefined) return `${cached} (from the cache)`;
  const loaded = `the value of ${key}`;
  cache.set(key, loaded);
  return `${loaded} (loaded)`;
}

/** A real service changes the database first, and publishes only then. */
async function change(key: string): Promise<void> {
  cache.delete(key);
  await topics.publish("cache.invalidate", key);
}

/** Keys come from other members: their control characters must not reach the terminal. */
function print(line: string): void {
  console.log(line.replaceAll(/\p{Cc}/gu, "?"));
}

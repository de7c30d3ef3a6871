// npx -y pnpm@12 example cache-invalidation
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { LRUCache } from "lru-cache";
import { createTopics } from "@memberlist/topics";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";

// Each process caches values of a database, which is a folder of files here. `get KEY` prints a value and its source. `set KEY VALUE` writes it to
// the database, and all members drop it from their caches. The cache also has a time limit, for members that were cut off for longer than the retention.

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
    data: { type: "string", default: join(tmpdir(), "memberlist-example") }, // the same folder for all
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
await mkdir(values.data, { recursive: true });
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
    const [command, key, value] = line.split(" ");
    if (command === "get" && key !== undefined) print(`${key} is ${await read(key)}`);
    else if (command === "set" && key !== undefined && value !== undefined) await change(key, value);
    else print("type get KEY or set KEY VALUE");
  }
  await members.leave();
} finally {
  process.stdin.destroy();
  await members.shutdown();
}

async function read(key: string): Promise<string> {
  const cached = cache.get(key);
  if (cached !== undefined) return `${cached} (from the cache)`;
  const loaded = await readFile(fileOf(key), "utf8").catch(() => undefined);
  if (loaded === undefined) return "not set";
  cache.set(key, loaded);
  return `${loaded} (from the database)`;
}

/** The database changes first: a member that reads the value after the message must get the new one. */
async function change(key: string, value: string): Promise<void> {
  await writeFile(fileOf(key), value);
  cache.delete(key);
  await topics.publish("cache.invalidate", key);
}

function fileOf(key: string): string {
  return join(values.data, `${encodeURIComponent(key)}.txt`);
}

/** Keys and values come from other members: their control characters must not reach the terminal. */
function print(line: string): void {
  console.log(line.replaceAll(/\p{Cc}/gu, "?"));
}

// npx -y pnpm@12 example sharded-cache
import { createServer } from "node:http";
import process from "node:process";
import { parseArgs } from "node:util";
import { createRing } from "@memberlist/ring";
import { createMemberlist, decodeKey, decodeTags, generateKey, lanConfig } from "@memberlist/transport-node";

// A cache over all members: each key is at one owner, and any member answers for all keys. `curl localhost:PORT/user:42` computes a value once in the
// cluster, and `curl 'localhost:PORT/?stats'` prints the keys of this member. A member that joins takes its share of the keys.

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

const cache = new Map<string, string>();
const server = createServer((request, response) => {
  const [path = "", query] = (request.url ?? "/").slice(1).split("?");
  const text = query === "stats" ? Promise.resolve([...cache.keys()].sort().join(" ")) : valueOf(path, query === "owner");
  const failed = (error: unknown): void => void response.writeHead(502).end(`${String(error)}\n`);
  text.then((value) => response.end(`${value}\n`), failed);
});
await new Promise<void>((resolve) => server.listen(0, values.bind, resolve));
const { port } = server.address() as { port: number };

const members = await createMemberlist({
  ...lanConfig(),
  name: values.name,
  label: "example",
  secretKey: decodeKey(values.key),
  bindAddr: values.bind,
  bindPort: Number(values.port),
  tags: { http: String(port) }, // where other members ask this one
});
const ring = createRing(members, { filter: (_, tags) => tags["http"] !== undefined });
ring.onChange((change) => {
  // The new owner computes a lost value again. A store would send it there: see change.moved(key).
  for (const key of cache.keys()) if (!ring.isMine(key)) cache.delete(key);
  console.log(`members: ${ring.members.length}; ${Math.round(100 * change.movedShare())} % of the keys move`);
});
const events = members.events({ signal: stop.signal });
console.log(`${values.name} is running at ${port}. Others: --join ${members.toJSON().address} --key ${values.key}`);
try {
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  for await (const _ of events); // until Ctrl-C
  await members.leave();
} finally {
  await members.shutdown();
  server.close().closeAllConnections();
}

/** @param isFinal another member asks: it takes this one for the owner, so do not ask a third one */
async function valueOf(key: string, isFinal: boolean): Promise<string> {
  const [owner] = ring.ownersOf(key);
  if (isFinal || owner === undefined || owner.name === values.name) {
    if (!cache.has(key)) cache.set(key, `value of ${key}, computed by ${values.name}`);
    return cache.get(key) ?? "";
  }
  const url = new URL(`http://${owner.addr}:${decodeTags(owner.meta)?.["http"]}/${key}?owner`);
  return (await (await fetch(url, { signal: AbortSignal.timeout(2_000) })).text()).trim();
}

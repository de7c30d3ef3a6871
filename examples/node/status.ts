// npx -y pnpm@12 example status
import { createServer } from "node:http";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createRequestListener } from "@remix-run/node-fetch-server";
import { statusHandler } from "@memberlist/status";
import { createMemberlist, decodeKey, generateKey, localConfig, type Memberlist } from "@memberlist/transport-node";

// Three members in this process, and the status page of the first. Lines on stdin change the cluster while you look: `start web-4`, `leave web-2`,
// and `kill web-3`, which ends it without a word.

process.on("uncaughtException", (error) => {
  for (const line of String(error).split("\n")) console.log(line); // not the stack
  process.exit(1);
});
const { values } = parseArgs({
  options: {
    http: { type: "string", default: "8080" }, // the port of the page, on loopback; 0: a free one
    key: { type: "string", default: generateKey() },
  },
});
const stop = new AbortController();
process.once("SIGINT", () => stop.abort()).once("SIGTERM", () => stop.abort());

const running = new Map<string, Memberlist>();
const first = await start("web-1");
await start("web-2");
await start("web-3");

const server = createServer(createRequestListener(statusHandler(first)));
server.listen(Number(values.http), "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object") console.log(`open http://127.0.0.1:${address?.port}/ and type: kill web-3`);
});
try {
  await readCommands();
  for (const members of running.values()) await members.leave();
} finally {
  process.stdin.destroy();
  for (const members of running.values()) await members.shutdown();
  server.close();
}

async function start(name: string): Promise<Memberlist> {
  const members = await createMemberlist({
    ...localConfig(),
    name,
    label: "example",
    secretKey: decodeKey(values.key),
    bindAddr: "127.0.0.1",
    bindPort: 0,
    meta: new TextEncoder().encode(JSON.stringify({ role: "web", started: new Date().toISOString() })),
  });
  const [seed] = running.values();
  running.set(name, members);
  if (seed !== undefined) await members.join([seed.toJSON().address]);
  return members;
}

async function readCommands(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, signal: stop.signal })) {
    const [command, name = ""] = line.trim().split(/\s+/);
    const members = running.get(name);
    if (command === "start" && name !== "" && members === undefined) await start(name);
    else if ((command === "leave" || command === "kill") && members !== undefined && members !== first) {
      running.delete(name);
      if (command === "leave") await members.leave();
      await members.shutdown();
    } else console.log("type start, leave or kill, and the name of a member (the page is web-1's)");
  }
  // Without a terminal, the input ends at once.
  if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
}

// npx -y pnpm@12 example registry
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";

// A service registry without a server. Each node's metadata (512 bytes) lists its services, gossip brings it to all others, and a dead node's
// services go with it. Look-ups are local. Lines on stdin change this node's services: `web=8080` adds one, `-web` removes it.

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

const services = new Map<string, number>();
const members = await createMemberlist({
  ...lanConfig(),
  name: values.name,
  label: "example",
  secretKey: decodeKey(values.key),
  bindAddr: values.bind,
  bindPort: Number(values.port),
});
try {
  const events = members.events({ signal: stop.signal });
  print(`${values.name} is running. Others: --join ${members.toJSON().address} --key ${values.key}`);
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  table().forEach(print);
  const commands = readCommands();
  for await (const event of events) if (["join", "leave", "update"].includes(event.type)) table().forEach(print);
  await commands;
  await members.leave();
} finally {
  process.stdin.destroy();
  await members.shutdown();
}

async function readCommands(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, signal: stop.signal })) {
    const [, removed, name, port] = /^(?:-([\w-]+)|(\w[\w-]*)=(\d{1,5}))$/.exec(line.trim()) ?? [];
    if (removed !== undefined) services.delete(removed);
    else if (name !== undefined) services.set(name, Number(port));
    else {
      print(`"${line}" is neither name=port nor -name`);
      continue;
    }
    const meta = new TextEncoder().encode(JSON.stringify(Object.fromEntries(services)));
    await members.updateNode({ meta, signal: stop.signal }).catch((error: unknown) => print(String(error))); // meta_too_large
  }
}

/** A line for each service and node. Metadata that this program does not understand counts as none. */
function table(): string[] {
  const lines = members.members().flatMap(({ name, addr, meta }) => {
    try {
      const offers = Object.entries(JSON.parse(new TextDecoder().decode(meta)) as object);
      return offers.map(([service, port]) => `${service}: ${addr} port ${port} (${name})`);
    } catch {
      return [];
    }
  });
  return lines.length === 0 ? ["no services"] : lines.sort();
}

/** Names and services come from other members: their control characters must not reach the terminal. */
function print(line: string): void {
  console.log(line.replaceAll(/\p{Cc}/gu, "?"));
}

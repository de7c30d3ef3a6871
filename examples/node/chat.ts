// npx -y pnpm@12 example chat
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createMemberlist, decodeKey, generateKey, lanConfig } from "@memberlist/transport-node";

// Sends each line of stdin to all members by gossip. A line travels in a packet, so it is short (some 1,300 bytes), may arrive out of order,
// and never reaches a node that joins later. Ctrl-D ends the program.

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
const seen = new Set<string>();

const members = await createMemberlist({
  ...lanConfig(),
  name: values.name,
  label: "example",
  secretKey: decodeKey(values.key),
  bindAddr: values.bind,
  bindPort: Number(values.port),
  delegate: { notifyMsg },
});
try {
  print(`${values.name} is running. Others: --join ${members.toJSON().address} --key ${values.key}`);
  if (values.join.length > 0) await members.join(values.join, { signal: stop.signal });
  for await (const text of createInterface({ input: process.stdin, signal: stop.signal })) {
    const id = crypto.randomUUID();
    gossip(new TextEncoder().encode(JSON.stringify({ id, from: values.name, text })), id);
  }
  await members.leave();
} finally {
  process.stdin.destroy();
  await members.shutdown();
}

/** A line may arrive several times. Each node passes it on once, so that it also reaches members that its author did not choose. */
function notifyMsg(message: Uint8Array): void {
  const { id, from, text } = decode(message);
  if (typeof id !== "string" || seen.has(id)) return;
  print(`${String(from)}: ${String(text)}`);
  gossip(message, id);
}

function gossip(message: Uint8Array, id: string): void {
  seen.add(id);
  if (seen.size > 10_000) seen.delete(seen.values().next().value ?? "");
  members.broadcast(message).catch((error: unknown) => print(String(error))); // message_too_large, left
}

/** Nothing for a message that is not a line of this chat. */
function decode(message: Uint8Array): Record<string, unknown> {
  try {
    return { ...(JSON.parse(new TextDecoder().decode(message)) as object) };
  } catch {
    return {};
  }
}

/** Names and lines come from other members: their control characters must not reach the terminal. */
function print(line: string): void {
  console.log(line.replaceAll(/\p{Cc}/gu, "?"));
}

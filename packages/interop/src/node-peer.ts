/**
 * The TypeScript peer for Node and Bun: JSON lines on stdin and stdout (peer-protocol.ts). With `--thread`, or
 * `MEMBERLIST_TEST_THREAD=1`, its member runs in a thread.
 */
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { createMemberlist, fileStore, type Config, type Memberlist } from "@memberlist/transport-node";
import type { PeerRules } from "./peer-policy.ts";
import { epochMs } from "./peer-protocol.ts";
import { TsPeer } from "./ts-peer.ts";

const { bun, node } = process.versions;
const [runtime, version] = bun === undefined ? ["node", node] : ["bun", bun];
const inThread = process.argv.includes("--thread") || process.env["MEMBERLIST_TEST_THREAD"] === "1";

function createInThread(config: Config, rules: PeerRules): Promise<Memberlist> {
  const module = new URL("./peer-policy.js", import.meta.url);
  module.searchParams.set("rules", JSON.stringify(rules));
  return createMemberlist({ ...config, thread: { module } });
}

const peer = new TsPeer({
  createMemberlist,
  ...(inThread && { createInThread }),
  fileStore,
  sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
  write: (line) => void process.stdout.write(`${line}\n`),
});

peer.event({
  event: "ready",
  at: epochMs(),
  pid: process.pid,
  runtime: `${runtime} v${version}`,
  memberlist: "@memberlist/core",
});

// One command after the other, but only until it may be overtaken; the end of stdin ends the process, node and all.
for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
  if (await peer.line(line)) break;
}
await peer.close();
process.stdout.write("", () => process.exit(0));

/**
 * The TypeScript peer on the Deno transport, run from the sources: JSON lines on stdin and stdout (peer-protocol.ts). With `--thread` its member
 * runs in a thread, which needs `--allow-read` for the sources.
 */
import { createHash } from "node:crypto";
import { createMemberlist, fileStore, type Config, type Memberlist } from "@memberlist/transport-deno";
import type { PeerRules } from "./peer-policy.ts";
import { epochMs } from "./peer-protocol.ts";
import { TsPeer } from "./ts-peer.ts";

const encoder = new TextEncoder();

function createInThread(config: Config, rules: PeerRules): Promise<Memberlist> {
  const module = new URL("./peer-policy.ts", import.meta.url);
  module.searchParams.set("rules", JSON.stringify(rules));
  return createMemberlist({ ...config, thread: { module } });
}

const peer = new TsPeer({
  createMemberlist,
  ...(Deno.args.includes("--thread") && { createInThread }),
  fileStore,
  sha256: (bytes) => createHash("sha256").update(bytes).digest("hex"),
  write: (line) => {
    const bytes = encoder.encode(`${line}\n`);
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  },
});

peer.event({
  event: "ready",
  at: epochMs(),
  pid: Deno.pid,
  runtime: `deno v${Deno.version.deno}`,
  memberlist: "@memberlist/core",
});

await readLines();
await peer.close();
Deno.exit(0);

/** One command after the other, until one says to exit, or stdin ends. */
async function readLines(): Promise<void> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (await peer.line(line)) return;
  }
}

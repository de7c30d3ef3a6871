import { fileURLToPath } from "node:url";
import { buildNodePeer } from "./node-toolchain.ts";
import type { RuntimeId } from "./runtimes.ts";

/** Deno runs its peer from the sources. Programs of `src/` are bundled into `bin/`, hence the way back. */
const denoPeer = fileURLToPath(new URL("../src/deno-peer.ts", import.meta.url));
/** A thread needs the permission to read the sources. */
const denoReads = `--allow-read=${fileURLToPath(new URL("../../..", import.meta.url))}`;

/** The arguments with which a runtime runs the TypeScript peer. With `isInThread`, its member runs in a thread. */
export async function peerArgs(id: RuntimeId, isInThread: boolean = false): Promise<readonly string[]> {
  const thread = isInThread ? ["--thread"] : [];
  if (id !== "deno") return [await buildNodePeer(), ...thread];
  const read = isInThread ? [denoReads] : [];
  return ["run", "--quiet", "--no-prompt", "--no-check", "--allow-net", "--unstable-net", ...read, denoPeer, ...thread];
}

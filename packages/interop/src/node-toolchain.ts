import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { binDir } from "./go-toolchain.ts";

const building = new Map<string, Promise<string>>();

/** Builds the TypeScript peer for Node and Bun. Beside it: the program of the thread that its member may run in, and the policy for the thread. */
export async function buildNodePeer(): Promise<string> {
  const [peer] = await Promise.all([
    buildNodeProgram("node-peer"),
    buildNodeProgram("memberlist-thread.js", "../../transport-node/src/thread.ts"),
    buildNodeProgram("peer-policy.js", "../src/peer-policy.ts"),
  ]);
  return peer;
}

/** The program of `deploy/`, which the container and the systemd unit start. */
export function buildService(): Promise<string> {
  return buildNodeProgram("service", "../../../deploy/service.mjs");
}

/**
 * Bundles a program of `src/` from the sources of all packages, and returns its path: it runs in a process of its own, where Node 20 reads
 * no TypeScript, and nothing has to have been built before the suite.
 */
export function buildNodeProgram(name: string, source: string = `../src/${name}.ts`): Promise<string> {
  const program = building.get(name) ?? bundle(name, source);
  building.set(name, program);
  return program;
}

async function bundle(name: string, source: string): Promise<string> {
  await mkdir(binDir, { recursive: true });
  const program = join(binDir, name.endsWith(".js") ? name : `${name}.mjs`);
  const unfinished = join(binDir, `${name}.${process.pid}.mjs`);
  try {
    await build({
      entryPoints: [fileURLToPath(new URL(source, import.meta.url))],
      // For a program outside of the packages.
      nodePaths: [fileURLToPath(new URL("../node_modules", import.meta.url))],
      outfile: unfinished,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      conditions: ["@memberlist/source"],
      sourcemap: "inline",
      logLevel: "silent",
      // Some of the dependencies are CommonJS and require Node's own modules.
      banner: { js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);' },
    });
    await rename(unfinished, program);
  } finally {
    await rm(unfinished, { force: true });
  }
  return program;
}

import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { binDir } from "./go-toolchain.ts";

let building: Promise<string> | undefined;

/**
 * Bundles the TypeScript peer from the sources of all packages, and returns the path of the program: it runs in a process of
 * its own, where Node 20 reads no TypeScript, and nothing has to have been built before the suite.
 */
export function buildNodePeer(): Promise<string> {
  building ??= bundle();
  return building;
}

async function bundle(): Promise<string> {
  await mkdir(binDir, { recursive: true });
  const program = join(binDir, "node-peer.mjs");
  const unfinished = join(binDir, `node-peer.${process.pid}.mjs`);
  try {
    await build({
      entryPoints: [fileURLToPath(new URL("../src/node-peer.ts", import.meta.url))],
      outfile: unfinished,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      conditions: ["@memberlist/source"],
      sourcemap: "inline",
      logLevel: "silent",
      // Some of the dependencies are CommonJS and require Node's own modules.
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    });
    await rename(unfinished, program);
  } finally {
    await rm(unfinished, { force: true });
  }
  return program;
}

// The CLI as one file, from the sources, since Node 20 reads no TypeScript.
import { mkdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** @param plugins esbuild's; the test of the mutants breaks the engine with one */
export async function bundleCli(outfile, plugins = []) {
  // Several may do this at once, and none may see a half of it.
  const unfinished = outfile.replace(/\.mjs$/, `.${process.pid}.mjs`);
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    entryPoints: [fileURLToPath(new URL("src/cli/main.ts", import.meta.url))],
    outfile: unfinished,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@memberlist/source"],
    sourcemap: "inline",
    logLevel: "warning",
    plugins,
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  renameSync(unfinished, outfile);
}

// Bundles a program and its imports into one file, from the sources of all packages: Node 20 reads no TypeScript. It needs no build.
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * @param {URL} source
 * @param {URL} outfile replaced in one step after it is written: several processes may bundle the same program, and none may read half of it
 * @param {import("esbuild").Plugin[]} plugins
 */
export async function bundle(source, outfile, plugins = []) {
  const target = fileURLToPath(outfile);
  const unfinished = `${target}.${process.pid}.mjs`;
  mkdirSync(dirname(target), { recursive: true });
  try {
    await build({
      entryPoints: [fileURLToPath(source)],
      outfile: unfinished,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      // They are loaded from where they are installed.
      external: ["playwright-core", "@stryker-mutator/core", "esbuild", "moleculer", "piscina", "vega", "vega-lite"],
      conditions: ["@memberlist/source"],
      sourcemap: "inline",
      logLevel: "warning",
      plugins,
      // Some of the dependencies are CommonJS and require Node's own modules.
      banner: { js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);' },
    });
    renameSync(unfinished, target);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

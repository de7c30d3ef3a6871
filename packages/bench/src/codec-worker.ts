import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const transport = new URL("../../transport-node/", import.meta.url);

/** The threads' program, made of the sources: nothing has to have been built. Lies where it finds piscina. */
export async function bundledCodecWorker(): Promise<URL> {
  const outfile = new URL("node_modules/.cache/bench-codec-worker.mjs", transport);
  mkdirSync(new URL(".", outfile), { recursive: true });
  await build({
    entryPoints: [fileURLToPath(new URL("src/codec-worker.ts", transport))],
    outfile: fileURLToPath(outfile),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@memberlist/source"],
    external: ["piscina"],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "warning",
  });
  return outfile;
}

import { mkdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const transport = new URL("../../transport-node/", import.meta.url);

/** A thread's program, made of the sources: nothing has to have been built. Lies where it finds piscina. */
export async function bundledForThread(program: URL): Promise<URL> {
  const outfile = new URL(`node_modules/.cache/bench-${basename(program.pathname, ".ts")}.mjs`, transport);
  mkdirSync(new URL(".", outfile), { recursive: true });
  await build({
    entryPoints: [fileURLToPath(program)],
    outfile: fileURLToPath(outfile),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@memberlist/source"],
    external: ["piscina"],
    banner: { js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);' },
    logLevel: "warning",
  });
  return outfile;
}

/** What the threads of transport-node run. */
export function bundledWorker(): Promise<URL> {
  return bundledForThread(new URL("src/worker.ts", transport));
}

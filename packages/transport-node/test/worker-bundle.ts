import { mkdtemp, rm } from "node:fs/promises";
import { mkdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll } from "vitest";

/** Inside the package, so that the bundles find its dependencies. */
const cache = fileURLToPath(new URL("../node_modules/.cache/", import.meta.url));

export interface Bundles {
  /** The file that was made of the program at this index. */
  readonly url: (index: number) => URL;
}

/** The programs, each bundled into one file for as long as the test file runs: Node 20 reads no TypeScript, in threads least of all. */
export function bundled(...programs: readonly URL[]): Bundles {
  let folder = "";
  beforeAll(async () => {
    mkdirSync(cache, { recursive: true });
    folder = await mkdtemp(join(cache, "bundle-"));
    await build({
      entryPoints: programs.map((program) => fileURLToPath(program)),
      outdir: folder,
      entryNames: "[name]",
      outExtension: { ".js": ".mjs" },
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      conditions: ["@memberlist/source"],
      external: ["piscina"],
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      logLevel: "warning",
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const nameOf = (program: URL): string => basename(program.pathname).replace(/\.ts$/, ".mjs");
  return { url: (index) => pathToFileURL(join(folder, nameOf(programs[index] as URL))) };
}

export const workerEntry: URL = new URL("../src/worker.ts", import.meta.url);

import { mkdtemp, rm } from "node:fs/promises";
import { mkdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { basename, join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { bundle } from "../../../scripts/bundle.mjs";

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
    await Promise.all(programs.map((program) => bundle(program, urlOf(program))));
    // Other tests keep the machine busy.
  }, 60_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const urlOf = (program: URL): URL => pathToFileURL(join(folder, `${basename(program.pathname, ".ts")}.mjs`));
  return { url: (index) => urlOf(programs[index] as URL) };
}

export const workerEntry: URL = new URL("../src/worker.ts", import.meta.url);

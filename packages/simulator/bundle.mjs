// The CLI as one file, from the sources.
import { pathToFileURL } from "node:url";
import { bundle } from "../../scripts/bundle.mjs";

/** @param plugins esbuild's; the test of the mutants breaks the engine with one */
export async function bundleCli(outfile, plugins = []) {
  await bundle(new URL("src/cli/main.ts", import.meta.url), pathToFileURL(outfile), plugins);
}

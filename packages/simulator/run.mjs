// Runs the CLI from the sources (`pnpm sim`): bundled, since Node 20 reads no TypeScript, and nothing has to have been built.
import { mkdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = new URL("bin/", import.meta.url);
const outfile = new URL("sim.mjs", folder);
const unfinished = new URL(`sim.${process.pid}.mjs`, folder);
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [fileURLToPath(new URL("src/cli/main.ts", import.meta.url))],
  outfile: fileURLToPath(unfinished),
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  conditions: ["@memberlist/source"],
  sourcemap: "inline",
  logLevel: "warning",
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
renameSync(unfinished, outfile);
const { main } = await import(outfile.href);
process.exitCode = await main(process.argv);

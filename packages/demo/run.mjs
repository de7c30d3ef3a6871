// Runs one of the programs in src/ from the sources (`node run.mjs start`, `node run.mjs main --json`): bundled, since Node 20
// reads no TypeScript, and nothing has to have been built. The bundle goes where interop keeps its programs, because the Go
// tool chain finder looks for the Go sources next to that folder.
import { mkdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [name] = process.argv.splice(2, 1);
const folder = new URL("../interop/bin/", import.meta.url);
const outfile = new URL(`demo-${name}.mjs`, folder);
const unfinished = new URL(`demo-${name}.${process.pid}.mjs`, folder);
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [fileURLToPath(new URL(`src/${name}.ts`, import.meta.url))],
  outfile: fileURLToPath(unfinished),
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  external: ["esbuild"],
  conditions: ["@memberlist/source"],
  sourcemap: "inline",
  logLevel: "warning",
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
renameSync(unfinished, outfile);
await import(outfile.href);

// Runs an example on Node (`node examples/run.mjs agent --name b`): bundled from the sources of all packages, since Node 20 reads
// no TypeScript, and nothing has to have been built.
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [name = ""] = process.argv.splice(2, 1);
const folder = new URL("node/", import.meta.url);
const names = readdirSync(folder)
  .map((file) => file.replace(/\.ts$/, ""))
  .filter((file) => file !== "runtime");
if (!names.includes(name)) {
  console.error(`usage: npx -y pnpm@12 example ${names.join("|")} [--help]`);
  process.exit(2);
}
const bin = new URL("bin/", import.meta.url);
const outfile = new URL(`${name}.mjs`, bin);
const unfinished = new URL(`${name}.${process.pid}.mjs`, bin);
mkdirSync(bin, { recursive: true });
await build({
  entryPoints: [fileURLToPath(new URL(`${name}.ts`, folder))],
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
await import(outfile.href);

// Runs one of the TypeScript programs in src/ (`node run.mjs src/capture.ts`): bundled from the sources of all packages, since
// Node 20 reads no TypeScript, and nothing has to have been built.
import { mkdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [source = ""] = process.argv.splice(2, 1);
const name = basename(source, ".ts");
const outfile = new URL(`bin/${name}.mjs`, import.meta.url);
mkdirSync(new URL("bin", import.meta.url), { recursive: true });
await build({
  entryPoints: [fileURLToPath(new URL(source, import.meta.url))],
  outfile: fileURLToPath(outfile),
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  external: ["esbuild"],
  conditions: ["@memberlist/source"],
  sourcemap: "inline",
  logLevel: "warning",
  banner: { js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);' },
});
await import(outfile.href);

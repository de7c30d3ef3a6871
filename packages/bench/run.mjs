// `pnpm bench`: runs src/main.ts from the sources: bundled, since Node 20 reads no TypeScript, and nothing has to have been built.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = new URL("bin/", import.meta.url);
mkdirSync(folder, { recursive: true });
await build({
  entryPoints: {
    main: fileURLToPath(new URL("src/main.ts", import.meta.url)),
    "node-program": fileURLToPath(new URL("src/throughput/node-program.ts", import.meta.url)),
  },
  outdir: fileURLToPath(folder),
  outExtension: { ".js": ".mjs" },
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
await import(new URL("main.mjs", folder).href);

// `pnpm bench`: runs src/main.ts from the sources, and bundles the programs that it starts.
import { bundle } from "../../scripts/bundle.mjs";

const bin = new URL("bin/", import.meta.url);
const sources = ["main.ts", "throughput/node-program.ts", "throughput/deno-program.ts"];
const programs = sources.map((source) => {
  const name = source.replace(/^.*\//, "").replace(/\.ts$/, ".mjs");
  return { source: new URL(`src/${source}`, import.meta.url), program: new URL(name, bin) };
});
await Promise.all(programs.map(({ source, program }) => bundle(source, program)));
await import(new URL("main.mjs", bin).href);

// `pnpm bench`: runs src/main.ts from the sources, and bundles the program that it starts.
import { bundle } from "../../scripts/bundle.mjs";

const folder = new URL("bin/", import.meta.url);
const main = new URL("main.mjs", folder);
await Promise.all([
  bundle(new URL("src/main.ts", import.meta.url), main),
  bundle(new URL("src/throughput/node-program.ts", import.meta.url), new URL("node-program.mjs", folder)),
]);
await import(main.href);

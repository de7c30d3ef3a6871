// `pnpm sim`: bundles the CLI and runs it. Nothing has to have been built.
import { fileURLToPath } from "node:url";
import { bundleCli } from "./bundle.mjs";

const outfile = new URL("bin/sim.mjs", import.meta.url);
await bundleCli(fileURLToPath(outfile));
const { main } = await import(outfile.href);
process.exitCode = await main(process.argv);

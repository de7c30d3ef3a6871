// Runs one of the TypeScript programs in src/ (`node run.mjs src/capture.ts`) from the sources of all packages.
import { basename } from "node:path";
import { bundle } from "../../scripts/bundle.mjs";

const [source = ""] = process.argv.splice(2, 1);
const outfile = new URL(`bin/${basename(source, ".ts")}.mjs`, import.meta.url);
await bundle(new URL(source, import.meta.url), outfile);
await import(outfile.href);

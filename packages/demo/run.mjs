// Runs one of the programs in src/ from the sources (`node run.mjs start`, `node run.mjs main --json`). The bundle goes where interop
// keeps its programs, because the Go tool chain finder looks for the Go sources next to that folder.
import { bundle } from "../../scripts/bundle.mjs";

const [name] = process.argv.splice(2, 1);
const outfile = new URL(`../interop/bin/demo-${name}.mjs`, import.meta.url);
await bundle(new URL(`src/${name}.ts`, import.meta.url), outfile);
await import(outfile.href);

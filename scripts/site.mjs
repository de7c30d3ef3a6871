// Builds the documentation site to docs/.vitepress/dist, and checks it: warnings, anchors, files, outside assets, and that two clicks lead from the first page to every other.
// usage: node scripts/site.mjs          builds
//        node scripts/site.mjs --dev    serves the pages, and follows changes of the Markdown files
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { problemsOf, readPages } from "./site-problems.mjs";

const dist = "docs/.vitepress/dist";
const vitepress = join(createRequire(import.meta.url).resolve("vitepress/package.json"), "../bin/vitepress.js");

await run(process.execPath, ["scripts/api-pages.mjs"]);
if (process.argv.includes("--dev")) {
  await run(process.execPath, [vitepress, "dev", "docs"]);
} else {
  const output = await run(process.execPath, [vitepress, "build", "docs"]);
  const pages = readPages(dist);
  const problems = [...warningsOf(output), ...problemsOf(pages, dist)];
  for (const problem of problems) console.error(`site: ${problem}`);
  console.log(`site: ${pages.size} pages in ${dist}, ${problems.length} problems`);
  process.exit(problems.length === 0 ? 0 : 1);
}

/** Runs a program, shows its output, and returns it. */
function run(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["inherit", "pipe", "pipe"] });
    let output = "";
    for (const name of ["stdout", "stderr"]) {
      child[name].on("data", (chunk) => {
        output += chunk;
        process[name].write(chunk);
      });
    }
    child.on("close", (code) => (code === 0 ? resolve(output) : process.exit(code ?? 1)));
  });
}

function warningsOf(output) {
  return output.split("\n").filter((line) => /\(!\)|warn/i.test(line));
}

// `pnpm check:mutants`: checks the list of explained mutants against the sources, without a mutation run.
import { existsSync, readFileSync } from "node:fs";
import { misplaced, type Explanation } from "./verdict.ts";

const explanations = JSON.parse(readFileSync("mutants/survivors.json", "utf8")) as Explanation[];
const problems = misplaced(explanations, (file) => (existsSync(`src/${file}`) ? readFileSync(`src/${file}`, "utf8") : undefined));
for (const problem of problems) process.stderr.write(`mutants/survivors.json: ${problem}\n`);
if (problems.length > 0) process.exitCode = 1;

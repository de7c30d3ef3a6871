// Type-checks every package. The core is compiled with no runtime's types at all (`types: []`), which is what proves it pure.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
let failed = 0;
for (const folder of ["examples", ...readdirSync("packages").map((name) => `packages/${name}`)]) {
  for (const config of [`${folder}/tsconfig.json`, `${folder}/test/tsconfig.json`]) {
    if (!existsSync(config)) continue;
    const { status } = spawnSync(process.execPath, [tsc, "-p", config], { stdio: "inherit" });
    if (status !== 0) failed++;
  }
}
if (failed > 0) console.error(`types: ${failed} of the projects above have errors`);
process.exit(failed === 0 ? 0 : 1);

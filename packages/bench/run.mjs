// `pnpm bench`: runs src/main.ts from the sources, and bundles the programs that it starts.
import { bundle } from "../../scripts/bundle.mjs";

const bin = new URL("bin/", import.meta.url);
const programs = {
  "main.mjs": "src/main.ts",
  "node-program.mjs": "src/throughput/node-program.ts",
  "deno-program.mjs": "src/throughput/deno-program.ts",
  "member-program.mjs": "src/protocol/member-program.ts",
  "soak-program.mjs": "src/soak/member-program.ts",
  "attacker-program.mjs": "src/attacks/attacker-program.ts",
  "victim-program.mjs": "src/attacks/victim-program.ts",
  "victim-deno-program.mjs": "src/attacks/victim-deno-program.ts",
  // The threads' program, where the transport looks for it: next to itself.
  "worker.js": "../transport-node/src/worker.ts",
};

/** It starts threads by files of its own. */
const piscina = {
  name: "piscina",
  setup: (build) => build.onResolve({ filter: /^piscina$/ }, () => ({ path: "piscina", external: true })),
};

await Promise.all(
  Object.entries(programs).map(([name, source]) => bundle(new URL(source, import.meta.url), new URL(name, bin), [piscina])),
);
await import(new URL("main.mjs", bin).href);

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Experiment } from "./experiments.ts";

const run = promisify(execFile);
/** Relative to `bin/`, where the bundle of this file lies. */
const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

interface Report {
  readonly rounds: readonly { readonly go: number; readonly ts: number }[];
}

/** From a kill until the others hold the node for dead: the interop suite's own measurement, observers of each kind side by side. */
export const detection: Experiment = {
  name: "kill-to-dead",
  excludesRust: true,
  steps: () => 1,
  run: async ({ kinds, rounds, figures, step }) => {
    if (!kinds.includes("go")) return;
    const command = [at("scripts/run.mjs"), at("packages/interop/src/detection-time.ts"), String(rounds)];
    const stdout = await run(process.execPath, command).then(
      (done) => done.stdout,
      // It fails when the medians are far apart, which the figures show here.
      (error: { readonly stdout?: string }) => {
        if (error.stdout === undefined || !error.stdout.includes("together")) throw error;
        return error.stdout;
      },
    );
    const { apart } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { readonly apart: Report };
    for (const { go, ts } of apart.rounds) {
      figures.add("kill to dead, in a cluster of one kind", "ms", "go", go);
      figures.add("kill to dead, in a cluster of one kind", "ms", "node", ts);
    }
    step();
  },
};

import type { Command } from "commander";
import { heapBytes } from "../scale/heap.ts";
import { simulate } from "../simulate.ts";
import { wholeNumber } from "./numbers.ts";

interface RunFlags {
  readonly nodes: number;
  readonly seconds: number;
  readonly seed: number;
  readonly check: boolean;
  readonly preloaded?: true;
}

/** `run`: one quiet cluster; its trace's hash is what two runs are compared by. */
export function addRun(program: Command): void {
  program
    .command("run")
    .description("starts a cluster, lets it idle, and prints what that cost and the hash of its trace, as JSON")
    .option("--nodes <n>", "how many", wholeNumber(1), 10)
    .option("--seconds <s>", "of virtual time, after all agree", wholeNumber(0), 60)
    .option("--seed <n>", "the same seed, the same run", wholeNumber(0), 1)
    .option("--preloaded", "the nodes know each other from the start, instead of joining the first one")
    .option("--no-check", "does not look at the invariants, which costs about half of the time")
    .action(async ({ nodes, seconds, seed, check, preloaded }: RunFlags) => {
      const start = performance.now();
      const simulation = await simulate({
        nodes,
        seed,
        latency: [1, 5],
        loss: 0.01,
        checkInterval: check ? 1_000 : 0,
        start: preloaded === true ? "preloaded" : "join",
      });
      const convergedAt = simulation.clock.now();
      const convergedAfter = performance.now() - start;
      await simulation.clock.advance(seconds * 1000);
      const report = {
        nodes,
        seed,
        virtualMsToConverge: Math.round(convergedAt),
        wallMsToConverge: Math.round(convergedAfter),
        wallMs: Math.round(performance.now() - start),
        packetsSent: simulation.network.stats.packetsSent,
        rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
        heapMiB: Math.round(heapBytes() / 2 ** 20),
        maxRssMiB: Math.round(process.resourceUsage().maxRSS / 2 ** 10),
        trace: simulation.trace.hash,
      };
      process.stdout.write(`${JSON.stringify(report)}\n`);
      await simulation.end();
    });
}

import { setTimeout as sleep } from "node:timers/promises";
import { pinged } from "../pinged.ts";
import { encrypted } from "../protocol/member.ts";
import { quantile } from "../statistics.ts";
import { Application } from "./application.ts";
import type { Mode } from "./application-task.ts";
import { modes, noteLoad, type ThreadBench, type ThreadExperiment } from "./experiments.ts";

const atRest = "acks, the application runs";
const whileBlocked = "acks, the application is blocked";
const withPushPulls = "acks, the application is blocked, 20 MiB push/pulls";

/** What the targets are about. */
export const ackFigures = { blocked: `${whileBlocked}: p99`, pushPulls: `${withPushPulls}: p99` } as const;

/** Nothing of their own account; and a busy machine may need its time for 20 MiB. */
const quiet = { key: encrypted.key ?? null, hasState: true, probeInterval: 0, pushPullInterval: 0, tcpTimeout: 60_000 };
const duration = 5_000;
const quickDuration = 500;
const roundsMax = 3;

/** Pings from this process to a member whose application is blocked. */
export const acks: ThreadExperiment = {
  name: "acks",
  steps: ({ rounds }) => Math.min(rounds, roundsMax) * modes.length,
  run: async ({ figures, isQuick, rounds, step }) => {
    const ms = isQuick ? quickDuration : duration;
    for (let round = 0; round < Math.min(rounds, roundsMax); round++) {
      for (const mode of modes) {
        const app = await Application.start({ ...quiet, mode });
        const other = await Application.start({ ...quiet, mode: "loop", name: "other" });
        try {
          await other.join(app.address);
          note(figures, atRest, mode, await pinged(app.first.port, "app", () => sleep(ms)));
          note(figures, whileBlocked, mode, await pinged(app.first.port, "app", () => app.block(ms)));
          let count = 0;
          const trips = await pinged(app.first.port, "app", async () => {
            const work = app.block(ms);
            // On the event loop it answers none meanwhile: one is enough.
            if (mode === "thread") count = await joinUntil(other, app, performance.now() + ms);
            await work;
          });
          note(figures, withPushPulls, mode, trips);
          figures.add("20 MiB push/pulls meanwhile, each way", "", mode, count);
        } finally {
          await Promise.all([app.end(), other.end()]);
        }
        step();
      }
      noteLoad(figures, "acks");
    }
  },
};

/** @returns how many push/pulls there were */
async function joinUntil(other: Application, app: Application, end: number): Promise<number> {
  let count = 0;
  while (performance.now() < end) {
    await other.join(app.address);
    count++;
  }
  return count;
}

/** A ping without an answer in 2 s counts as those 2 s. */
function note(figures: ThreadBench["figures"], what: string, mode: Mode, trips: readonly number[]): void {
  figures.add(`${what}: p50`, "ms", mode, quantile(trips, 0.5));
  figures.add(`${what}: p99`, "ms", mode, quantile(trips, 0.99));
  figures.add(`${what}: max`, "ms", mode, Math.max(...trips));
}

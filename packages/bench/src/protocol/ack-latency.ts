import { setTimeout as sleep } from "node:timers/promises";
import { pinged } from "../pinged.ts";
import type { Experiment } from "./experiments.ts";
import { Member, encrypted } from "./member.ts";

const userState = 20 * 1024 * 1024 - 64 * 1024;
/** Of some seconds each. */
const roundsMax = 3;

const what = "20 MiB push/pull each way, compressed and encrypted";
/** The figures that have targets of their own. */
export const ackLatencyFigures = { time: `${what}: time`, ackAtRest: "latest ack in half a second of rest" } as const;

/** Two members exchange application states of 20 MiB, while the bench pings the one that answers. */
export const ackLatency: Experiment = {
  name: "ack-latency",
  excludesRust: true,
  steps: (rounds, kinds) => Math.min(rounds, roundsMax) * kinds,
  run: async ({ programs, kinds, rounds, figures, step }) => {
    for (let round = 0; round < Math.min(rounds, roundsMax); round++) {
      for (const kind of kinds) {
        const both = await Promise.all(
          ["one", "other"].map((name) => Member.start(programs, kind, { ...encrypted, name, userState })),
        );
        const [one, other] = both as [Member, Member];
        const before = await pinged(one.port, "one", () => sleep(500));
        let took = 0;
        const during = await pinged(one.port, "one", async () => {
          ({ took } = await other.join(one));
          // The other end still has to read the state.
          await sleep(300);
        });
        await Promise.all(both.map((member) => member.end()));
        figures.add(ackLatencyFigures.time, "ms", kind, took);
        figures.add(`${what}: latest ack meanwhile`, "ms", kind, Math.max(...during));
        figures.add(ackLatencyFigures.ackAtRest, "ms", kind, Math.max(...before));
        step();
      }
    }
  },
};

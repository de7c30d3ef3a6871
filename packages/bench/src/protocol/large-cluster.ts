import { setTimeout as sleep } from "node:timers/promises";
import { pinged } from "../pinged.ts";
import { clusterSize, memoryOf, settled, type Experiment } from "./experiments.ts";
import { FakeMembers } from "./fake-members.ts";
import { encrypted, Member } from "./member.ts";

const size = 100_000;
/** The time in which the member that answers finishes the work of an exchange, in ms. */
const afterwards = 1_000;

/**
 * A cluster of 100,000: a new process joins a member of it, then both exchange their states again. Meanwhile the bench pings that member like a
 * prober: an ack that takes longer than `probeTimeout` would cause a false suspicion.
 */
export const largeCluster: Experiment = {
  name: "large",
  steps: (_rounds, kinds) => 3 * kinds,
  run: async ({ programs, kinds, figures, step }) => {
    const fake = await FakeMembers.open(size);
    try {
      for (const kind of kinds) {
        const asked = await Member.start(programs, kind, { ...encrypted, name: "asked" });
        const comer = await Member.start(programs, kind, { ...encrypted, name: "comer" });
        await fake.pushPull(asked.port);
        await settled(asked, size + 1);
        for (const what of [`a new process joins ${size} members`, `push/pull of ${size} members`]) {
          await Promise.all([asked.do({ do: "reset" }), comer.do({ do: "reset" })]);
          let took = 0;
          const acks = await pinged(asked.port, "asked", async () => {
            ({ took } = await comer.join(asked));
            await sleep(afterwards);
          });
          const marks = await Promise.all([settled(asked, size + 1), settled(comer, size + 1)]);
          if (marks.some(({ members }) => members <= size)) throw new Error(`${kind}: members were lost`);
          figures.add(`${what}: time`, "ms", kind, took);
          figures.add(`${what}: longest stall, either end`, "ms", kind, Math.max(...marks.map(({ stall }) => stall)));
          figures.add(`${what}: latest ack of the one that is asked`, "ms", kind, Math.max(...acks));
          step();
        }
        await Promise.all([asked.end(), comer.end()]);
        figures.add(
          `memory of a member in the table, at ${size}`,
          "bytes",
          kind,
          await memoryOf(programs, kind, fake, clusterSize),
        );
        step();
      }
    } finally {
      fake.close();
    }
  },
};

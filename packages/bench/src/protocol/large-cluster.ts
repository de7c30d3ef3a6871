import { setTimeout as sleep } from "node:timers/promises";
import { pinged } from "../pinged.ts";
import { clusterSize, memoryOf, settled, type Experiment } from "./experiments.ts";
import { GoWirePeers } from "./go-wire-peers.ts";
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
  excludesRust: true,
  steps: (_rounds, kinds) => 3 * kinds,
  run: async ({ programs, kinds, figures, step }) => {
    const peers = await GoWirePeers.open(size);
    try {
      for (const kind of kinds) {
        const responder = await Member.start(programs, kind, { ...encrypted, name: "responder" });
        const joining = await Member.start(programs, kind, { ...encrypted, name: "joining" });
        await peers.pushPull(responder.port);
        await settled(responder, size + 1);
        for (const what of [`a new process joins ${size} members`, `push/pull of ${size} members`]) {
          await Promise.all([responder.do({ do: "reset" }), joining.do({ do: "reset" })]);
          let took = 0;
          const acks = await pinged(responder.port, "responder", async () => {
            ({ took } = await joining.join(responder));
            await sleep(afterwards);
          });
          const marks = await Promise.all([settled(responder, size + 1), settled(joining, size + 1)]);
          if (marks.some(({ members }) => members <= size)) throw new Error(`${kind}: members were lost`);
          figures.add(`${what}: time`, "ms", kind, took);
          figures.add(`${what}: longest stall, either end`, "ms", kind, Math.max(...marks.map(({ stall }) => stall)));
          figures.add(`${what}: latest ack of the responder`, "ms", kind, Math.max(...acks));
          step();
        }
        await Promise.all([responder.end(), joining.end()]);
        figures.add(
          `memory of a member in the table, at ${size}`,
          "bytes",
          kind,
          await memoryOf(programs, kind, peers, clusterSize),
        );
        step();
      }
    } finally {
      await peers.close();
    }
  },
};

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { encodePing } from "../../../memberlist/src/wire/messages/encode.ts";
import type { Experiment } from "./experiments.ts";
import { Member, encrypted } from "./member.ts";

const userState = 20 * 1024 * 1024 - 64 * 1024;
/** Of some seconds each. */
const roundsMax = 3;
/** After an ack the next ping waits that long, in ms. */
const pause = 2;
const lateAfter = 2_000;

/** Two members exchange application states of 20 MiB, while somebody else pings the one that is asked. */
export const ackLatency: Experiment = {
  name: "ack-latency",
  steps: (rounds, kinds) => Math.min(rounds, roundsMax) * kinds,
  run: async ({ programs, kinds, rounds, figures, step }) => {
    const what = "20 MiB push/pull each way, compressed and encrypted";
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
          // The other end has still to read it.
          await sleep(300);
        });
        await Promise.all(both.map((member) => member.end()));
        figures.add(`${what}: time`, "ms", kind, took);
        figures.add(`${what}: latest ack meanwhile`, "ms", kind, Math.max(...during));
        figures.add("latest ack in half a second of rest", "ms", kind, Math.max(...before));
        step();
      }
    }
  },
};

/** Round trips of pings, one after the other, for as long as something takes, in ms. */
async function pinged(port: number, name: string, work: () => Promise<void>): Promise<number[]> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port: sourcePort } = socket.address();
  const trips: number[] = [];
  const working = work();
  const over = new AbortController();
  working.then(
    () => over.abort(),
    () => over.abort(),
  );
  let seqNo = 0;
  while (!over.signal.aborted) {
    const message = encodePing({ seqNo: ++seqNo, node: name, sourceAddr: "127.0.0.1", sourcePort, sourceNode: "bench" });
    const start = performance.now();
    const answered = once(socket, "message", { signal: AbortSignal.timeout(lateAfter) });
    socket.send(message, port, "127.0.0.1");
    await answered.catch(() => undefined);
    trips.push(performance.now() - start);
    await sleep(pause);
  }
  await working;
  socket.close();
  return trips;
}

/** A member in a process that is blocked for 3 s every 5 s (lag.ts starts it). */
import { createMemberlist, lanConfig, NodeTransport } from "@memberlist/transport-node";
import type { LagOrder, LagOutcome } from "./lag-protocol.ts";

const blocked = 3_000;
const cycle = 5_000;

const { name, host, seeds, lagAwareness, blocks } = JSON.parse(process.argv[2] ?? "") as LagOrder;

const accusedAt: number[] = [];
let probes = 0;
let timerLate = 0;
let packetLate = 0;
let packets = 0;

const silent = { write: () => undefined };
const transport = await NodeTransport.create({ bindAddrs: [host], bindPort: 0, logOutput: silent });
const listen = transport.listen.bind(transport);
transport.listen = (listener) =>
  listen({
    packet: (bytes, from, receivedAt) => {
      packets++;
      packetLate = Math.max(packetLate, performance.now() - receivedAt);
      listener.packet(bytes, from, receivedAt);
    },
    stream: (stream, from) => listener.stream(stream, from),
  });
const members = await createMemberlist({
  ...lanConfig(),
  name,
  transport,
  bindPort: transport.bindPort,
  lagAwareness,
  logOutput: silent,
  ping: { notifyPingComplete: () => void probes++ },
  metrics: {
    increment: () => undefined,
    gauge: () => undefined,
    sample: (metric, value) => {
      if (metric === "memberlist.timer.late") timerLate = Math.max(timerLate, value);
    },
  },
});
const events = members.events();
const following = (async () => {
  for await (const event of events) if (event.type === "suspect" && event.from === name) accusedAt.push(event.at);
})();
await members.join(seeds);
await members.ready({ members: seeds.length + 1, timeout: 30_000 });

const nothing = new Int32Array(new SharedArrayBuffer(4));
for (let i = 0; i < blocks; i++) {
  // At any moment of the work: on average the rest of the cycle.
  await pass(Math.random() * 2 * (cycle - blocked));
  Atomics.wait(nothing, 0, 0, blocked);
}
await pass(cycle - blocked);
await members.leave();
await members.shutdown();
await following;
const outcome: LagOutcome = { accusedAt, probes, timerLate, packetLate, packets };
process.stdout.write(`${JSON.stringify(outcome)}\n`);

function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

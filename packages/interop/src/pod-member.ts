/**
 * Run by test/rolling-restart.test.ts: a member as a pod runs it, under load. Each line of standard output is JSON: the number of members at a time, from the
 * start on and after each change; who joined or left; and at the end how many messages it received.
 */
import process from "node:process";
import { configFromEnv, createMemberlist, runUntilSignal, type Memberlist } from "@memberlist/transport-node";

/** The load: a broadcast and a message to a random member, every so many ms. */
const loadInterval = 50;

function print(line: object): void {
  process.stdout.write(`${JSON.stringify({ at: Date.now(), ...line })}\n`);
}

let received = 0;
const { config, seeds } = await configFromEnv();
const members = await createMemberlist({ ...config, delegate: { notifyMsg: () => void received++ } });
const events = members.events();
print({ members: members.numMembers() });
const load = setInterval(() => sendLoad(members), loadInterval);
const watching = (async () => {
  for await (const event of events) {
    if (event.type === "join") print({ joined: event.node.name, address: event.node.addr });
    if (event.type === "leave") print({ left: event.node.name, cause: event.cause.code });
    if (event.type === "join" || event.type === "leave") print({ members: members.numMembers() });
  }
})();
const signal = await runUntilSignal(members, { seeds });
clearInterval(load);
await watching;
print({ signal, received });

function sendLoad(from: Memberlist): void {
  const others = from.members().filter(({ name }) => name !== from.localNode().name);
  const other = others[Math.floor(Math.random() * others.length)];
  const message = new Uint8Array(500);
  // After the leave, and to a member that is about to end, sending fails.
  from.broadcast(message).catch(() => undefined);
  if (other !== undefined) from.sendReliable(other, message).catch(() => undefined);
}

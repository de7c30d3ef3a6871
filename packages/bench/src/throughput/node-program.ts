/** One node of the throughput bench, on Node or Bun: `node-program.mjs memberlist` or `node-program.mjs dgram`. See node-task.ts. */
import { createInterface } from "node:readline";
import { bareSocket } from "./bare-socket.ts";
import { member } from "./member.ts";
import type { Mark, NodeTask } from "./node-task.ts";
import { Tally } from "./tally.ts";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const first = await lines.next();
const task = JSON.parse(String(first.value)) as NodeTask;
const tally = new Tally(task.payloads);
const { port, send } = await (process.argv[2] === "dgram" ? bareSocket : member)(task, tally);
process.stdout.write(`${JSON.stringify({ port })}\n`);

let isStopped = false;
const start = performance.now();

/** Sends until the library asks for a pause, or until the rate is kept up with; and goes on after a turn of the event loop. */
function pump(): void {
  if (isStopped) return;
  const due = task.rate === 0 ? Infinity : ((performance.now() - start) / 1000) * task.rate;
  while (tally.count < due) {
    const goOn = send(tally.next());
    tally.count++;
    if (!goOn) break;
  }
  setImmediate(pump);
}
if (task.role === "sender") pump();

for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
  if (line.value === "stop") isStopped = true;
  const { user, system } = process.cpuUsage();
  const mark: Mark = { count: tally.count, bad: tally.bad, cpu: user + system, at: performance.now() };
  process.stdout.write(`${JSON.stringify(mark)}\n`);
}
process.exit(0);

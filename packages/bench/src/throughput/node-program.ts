/**
 * One node of the throughput bench, on Node or Bun: `node-program.mjs memberlist`, `node-program.mjs thread` (a member in a thread of its own),
 * `node-program.mjs dgram` (connected) or `node-program.mjs dgram-unconnected`.
 */
import { createMemberlist } from "@memberlist/transport-node";
import { bareSocket } from "./bare-socket.ts";
import { member } from "./member.ts";
import { runProgram } from "./program.ts";

const kind = process.argv[2];
await runProgram((task, tally) => {
  if (kind === "memberlist") return member(createMemberlist, task, tally);
  if (kind === "thread") return member((config) => createMemberlist({ ...config, thread: true }), task, tally);
  return bareSocket(kind === "dgram", task, tally);
});
process.exit(0);

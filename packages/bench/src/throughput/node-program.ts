/** One node of the throughput bench, on Node or Bun: `node-program.mjs memberlist` or `node-program.mjs dgram`. */
import { createMemberlist } from "@memberlist/transport-node";
import { bareSocket } from "./bare-socket.ts";
import { member } from "./member.ts";
import { runProgram } from "./program.ts";

await runProgram(process.argv[2] === "dgram" ? bareSocket : (task, tally) => member(createMemberlist, task, tally));
process.exit(0);

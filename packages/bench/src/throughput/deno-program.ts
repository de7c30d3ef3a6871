/** One node of the throughput bench, on Deno. */
import { createMemberlist } from "@memberlist/transport-deno";
import { member } from "./member.ts";
import { runProgram } from "./program.ts";

await runProgram((task, tally) => member(createMemberlist, task, tally));
process.exit(0);

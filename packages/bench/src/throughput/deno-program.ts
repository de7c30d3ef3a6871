/** One node of the throughput bench, on Deno: over UDP, or over QUIC with the credentials in the file that the first argument names. */
import { readFileSync } from "node:fs";
import { createMemberlist, type QuicConfig } from "@memberlist/transport-deno";
import { member } from "./member.ts";
import { runProgram } from "./program.ts";

const [file] = process.argv.slice(2);
const credentials = file === undefined ? undefined : (JSON.parse(readFileSync(file, "utf8")) as Record<string, QuicConfig>);
await runProgram((task, tally) =>
  member((config) => createMemberlist({ ...config, quic: credentials?.[task.role] }), task, tally),
);
process.exit(0);

/** The command line on Deno: `deno run --allow-net --allow-env --allow-read --unstable-net npm:@memberlist/cli/deno`. */
import process from "node:process";
import { createMemberlist, fetchMembers, fileStore } from "@memberlist/transport-deno";
import { runCli } from "./cli.ts";

await runCli(process.argv.slice(2), { createMemberlist, fetchMembers, fileStore });

/** The command line on Deno: `deno run --allow-net --allow-env --allow-read --unstable-net npm:@memberlist/cli/deno`. */
import process from "node:process";
import { configFromEnv, createMemberlist, DenoTransport, fetchMembers } from "@memberlist/transport-deno";
import { runCli } from "./cli.ts";

const bind = (host: string): Promise<DenoTransport> => DenoTransport.create({ bindAddrs: [host], bindPort: 0 });
await runCli(process.argv.slice(2), { configFromEnv, createMemberlist, fetchMembers, bind });

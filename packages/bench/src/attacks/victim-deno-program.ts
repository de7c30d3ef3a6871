import { createMemberlist } from "@memberlist/transport-deno";
import { runVictim } from "./victim.ts";

await runVictim(createMemberlist);
process.exit(0);

import { createMemberlist } from "@memberlist/transport-node";
import { runVictim } from "./victim.ts";

await runVictim(createMemberlist);
process.exit(0);

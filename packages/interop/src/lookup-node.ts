/** Run by test/name-lookup.test.ts, on Node and Bun. */
import { createMemberlist } from "@memberlist/transport-node";
import { lookUpInVain } from "./lookup-run.ts";

await lookUpInVain(createMemberlist, Number(process.argv[2]));

/** Run by test/name-lookup.test.ts, on Node and Bun. */
import { createMemberlist } from "@memberlist/transport-node";
import { lookUpInVain, lookUpSearched, serveNames } from "./lookup-run.ts";

const task = process.argv[2];
if (task === "serve") await serveNames(process.argv.slice(3));
else if (task === "searched") await lookUpSearched(createMemberlist);
else await lookUpInVain(createMemberlist, Number(task));

/** Run by test/name-lookup.test.ts. */
import { createMemberlist } from "@memberlist/transport-deno";
import { lookUpInVain, lookUpSearched } from "./lookup-run.ts";

const task = Deno.args[0];
if (task === "searched") await lookUpSearched(createMemberlist);
else await lookUpInVain(createMemberlist, Number(task));

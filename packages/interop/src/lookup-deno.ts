/** Run by test/name-lookup.test.ts. */
import { createMemberlist } from "@memberlist/transport-deno";
import { lookUpInVain } from "./lookup-run.ts";

await lookUpInVain(createMemberlist, Number(Deno.args[0]));

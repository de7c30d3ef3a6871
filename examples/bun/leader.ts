// bun --conditions=@memberlist/source examples/bun/leader.ts
import { leader } from "../shared/leader.ts";
import { start } from "../node/runtime.ts";

await start(leader);

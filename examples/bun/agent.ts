// bun --conditions=@memberlist/source examples/bun/agent.ts
import { agent } from "../shared/agent.ts";
import { start } from "../node/runtime.ts";

await start(agent);

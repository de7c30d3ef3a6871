// bun --conditions=@memberlist/source examples/bun/registry.ts
import { registry } from "../shared/registry.ts";
import { start } from "../node/runtime.ts";

await start(registry);

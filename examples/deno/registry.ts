// deno run --allow-net --unstable-net examples/deno/registry.ts
import { registry } from "../shared/registry.ts";
import { start } from "./runtime.ts";

await start(registry);

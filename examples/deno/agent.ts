// deno run --allow-net --unstable-net examples/deno/agent.ts
import { agent } from "../shared/agent.ts";
import { start } from "./runtime.ts";

await start(agent);

// npx -y pnpm@12 example agent
import { agent } from "../shared/agent.ts";
import { start } from "./runtime.ts";

await start(agent);

// npx -y pnpm@12 example registry
import { registry } from "../shared/registry.ts";
import { start } from "./runtime.ts";

await start(registry);

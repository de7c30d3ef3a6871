// npx -y pnpm@12 example leader
import { leader } from "../shared/leader.ts";
import { start } from "./runtime.ts";

await start(leader);

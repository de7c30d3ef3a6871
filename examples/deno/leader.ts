// deno run --allow-net --unstable-net examples/deno/leader.ts
import { leader } from "../shared/leader.ts";
import { start } from "./runtime.ts";

await start(leader);

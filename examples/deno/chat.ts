// deno run --allow-net --unstable-net examples/deno/chat.ts
import { chat } from "../shared/chat.ts";
import { start } from "./runtime.ts";

await start(chat);

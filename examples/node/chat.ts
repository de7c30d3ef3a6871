// npx -y pnpm@12 example chat
import { chat } from "../shared/chat.ts";
import { start } from "./runtime.ts";

await start(chat);

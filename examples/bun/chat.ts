// bun --conditions=@memberlist/source examples/bun/chat.ts
import { chat } from "../shared/chat.ts";
import { start } from "../node/runtime.ts";

await start(chat);

import { parentPort } from "node:worker_threads";
import { serveMember } from "@memberlist/core/internal";
import { createOnEventLoop, loadModule } from "./create-memberlist.ts";

/** The program of a member's thread: what `new Worker` runs for `thread` of a config. */
if (parentPort === null) {
  throw new Error("this is the program of a thread, which createMemberlist starts: pass its file as thread.entry");
}
const port = parentPort;
serveMember({
  port: {
    post: (message, transfer) => port.postMessage(message, transfer),
    listen: (onMessage) => void port.on("message", onMessage),
  },
  create: createOnEventLoop,
  load: loadModule,
});
port.postMessage("ready");

import { parentPort } from "node:worker_threads";
import { serveMember, threadReady } from "@memberlist/core/internal";
import { createOnEventLoop, loadModule } from "./create-memberlist.ts";

/** The program of a member's thread: `new Worker` runs it for `thread` of a config. */
if (parentPort === null) {
  throw new Error("createMemberlist starts this program in a thread: pass its file as thread.entry");
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
port.postMessage(threadReady);

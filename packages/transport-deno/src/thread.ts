import { serveMember } from "@memberlist/core/internal";
import { createOnEventLoop, loadModule } from "./create-memberlist.ts";

/** A worker's global object, whose types exclude those of a page. */
interface WorkerScope {
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "unload", listener: () => void): void;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/** The program of a member's thread: what `new Worker` runs for `thread` of a config. */
const scope = globalThis as unknown as WorkerScope;
serveMember({
  port: {
    post: (message, transfer) => scope.postMessage(message, transfer),
    listen: (onMessage) => scope.addEventListener("message", ({ data }) => onMessage(data)),
  },
  create: createOnEventLoop,
  load: loadModule,
});
// Deno.exit() ends a worker without an event for the one that started it.
scope.addEventListener("unload", () => scope.postMessage("ended", []));
scope.postMessage("ready", []);

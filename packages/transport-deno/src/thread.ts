import { serveMember, threadReady } from "@memberlist/core/internal";
import { createOnEventLoop, loadModule } from "./create-memberlist.ts";

/** A worker's global object, whose types exclude those of a page. */
interface WorkerScope {
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "unload", listener: () => void): void;
  close(): void;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
}

/** The program of a member's thread: `new Worker` runs it for `thread` of a config. */
const scope = globalThis as unknown as WorkerScope;
serveMember({
  port: {
    post: (message, transfer) => scope.postMessage(message, transfer),
    listen: (onMessage) => scope.addEventListener("message", ({ data }) => onMessage(data)),
  },
  create: createOnEventLoop,
  load: loadModule,
});
// Deno.exit() and close() end a worker without an event for the application.
const close = scope.close.bind(scope);
const reportEnd = (): void => scope.postMessage("ended", []);
scope.addEventListener("unload", reportEnd);
scope.close = () => {
  reportEnd();
  close();
};
scope.postMessage(threadReady, []);

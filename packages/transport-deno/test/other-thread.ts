/** A program of `thread.entry` that runs something other than a member. */
const scope = globalThis as unknown as {
  addEventListener(type: "message", listener: () => void): void;
  postMessage(message: string, transfer: readonly ArrayBuffer[]): void;
};
scope.addEventListener("message", () => undefined);
scope.postMessage("hello", []);

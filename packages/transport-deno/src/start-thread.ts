import { MemberlistError } from "@memberlist/core";
import { errorMessage, type MemberThread } from "@memberlist/core/internal";
import { requireFile } from "./permission.ts";

/** What Deno's Worker has; its types come with those of a page. */
interface DenoWorker {
  addEventListener(type: "error", listener: (event: Event & { readonly message: string; readonly error: unknown }) => void): void;
  addEventListener(type: "messageerror", listener: (event: Event) => void): void;
  addEventListener(
    type: "message",
    listener: (event: { readonly data: unknown }) => void,
    options?: { readonly once: true },
  ): void;
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  terminate(): void;
}

export const denoGlobal: {
  readonly Worker: new (url: URL, options: { readonly type: "module"; readonly name: string }) => DenoWorker;
  /** Of a worker. */
  readonly name?: string;
} = globalThis as unknown as typeof denoGlobal;

/** The name of a worker that runs a member. */
const workerName = "the thread of a member";

/**
 * Starts the program of a member's thread, and waits until it runs.
 *
 * @param entry its file; default: the one next to this module
 * @throws MemberlistError `thread_unavailable`
 */
export async function startThread(entry: URL | undefined): Promise<MemberThread> {
  const file = entry ?? new URL(import.meta.url.endsWith(".ts") ? "./thread.ts" : "./thread.js", import.meta.url);
  await checkFile(file);
  const worker = newWorker(file);
  let end: (cause: unknown) => void = () => {};
  const ended = new Promise<unknown>((resolve) => (end = resolve));
  const fail = (event: Event, error: unknown): void => {
    // Deno would end the whole process.
    event.preventDefault();
    worker.terminate();
    end(error);
  };
  worker.addEventListener("error", (event) => fail(event, event.error ?? new Error(event.message)));
  // Without the message that was lost, calls would wait for ever.
  worker.addEventListener("messageerror", (event) => fail(event, new Error("a message of the thread cannot be read")));
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener("message", () => resolve(), { once: true });
    ended.then((cause) => reject(unavailable(`its program ${file.href} does not run`, cause)), reject);
  });
  return {
    port: {
      post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
      listen: (onMessage) =>
        worker.addEventListener("message", ({ data }) => {
          if (data === "ended") end(new Error("it has exited"));
          else onMessage(data);
        }),
    },
    ended,
    terminate: () => {
      worker.terminate();
      end(undefined);
      return Promise.resolve();
    },
  };
}

/** Deno also prints the errors of a worker that does not start: it is not started where that is known. */
async function checkFile(file: URL): Promise<void> {
  if (file.protocol !== "file:") return;
  try {
    await requireFile(decodeURIComponent(file.pathname), "read");
    await Deno.stat(file);
  } catch (cause) {
    const advice = "bundle @memberlist/transport-deno/thread, too, and pass its file as thread: { entry }";
    const isMissing = cause instanceof Deno.errors.NotFound;
    throw unavailable(isMissing ? `its program is not there, as in a bundle: ${advice}` : "its program may not be read", cause);
  }
}

/** @throws MemberlistError `thread_unavailable` */
function newWorker(file: URL): DenoWorker {
  // An application that passes its own file would start itself, and that again, without end.
  if (denoGlobal.name === workerName) {
    throw unavailable("thread.entry is an application: pass a bundle of @memberlist/transport-deno/thread", undefined);
  }
  try {
    return new denoGlobal.Worker(file, { type: "module", name: workerName });
  } catch (cause) {
    throw unavailable("Deno starts no worker", cause);
  }
}

function unavailable(reason: string, cause: unknown): MemberlistError {
  const said = cause === undefined ? "" : ` (${errorMessage(cause)})`;
  return new MemberlistError("thread_unavailable", `the member's thread did not start: ${reason}${said}`, { cause });
}

import { fileURLToPath } from "node:url";
import { threadStarted, threadUnavailable, type MemberThread } from "@memberlist/core/internal";
import { requireFile } from "./permission.ts";

/** Deno's `Worker`, whose own types come with those of a page. */
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
  /** Of a worker; undefined elsewhere. */
  readonly name?: string;
} = globalThis as unknown as typeof denoGlobal;

/** The name of a worker that runs a member. */
const workerName = "the thread of a member";

const bundleAdvice = "bundle @memberlist/transport-deno/thread, too, and pass its file as thread: { entry }";

/**
 * Starts the program of a member's thread, and waits until it runs.
 *
 * @param entry its file; default: the one next to this module
 * @param timeout how long the program may take until it runs, in ms; default 30 s
 * @throws MemberlistError `thread_unavailable`
 */
export async function startThread(entry: URL | undefined, timeout?: number): Promise<MemberThread> {
  const program = import.meta.url.endsWith(".ts") ? "./thread.ts" : "./memberlist-thread.js";
  const file = entry ?? new URL(program, import.meta.url);
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
  // A call whose reply was lost would wait for ever.
  worker.addEventListener("messageerror", (event) => fail(event, new Error("a message of the thread cannot be read")));
  const firstMessage = new Promise<unknown>((resolve) => {
    worker.addEventListener("message", ({ data }) => resolve(data), { once: true });
  });
  const thread: MemberThread = {
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
  return threadStarted({ thread, file, firstMessage, bundleAdvice, timeout });
}

/** Checks the file of the program: for a worker that does not start, Deno prints errors of its own. */
async function checkFile(file: URL): Promise<void> {
  if (file.protocol !== "file:") return;
  try {
    await requireFile(fileURLToPath(file), "read");
    await Deno.stat(file);
  } catch (cause) {
    const isMissing = cause instanceof Deno.errors.NotFound;
    throw threadUnavailable(
      isMissing ? `${file.href} does not exist, as in a bundle: ${bundleAdvice}` : "its program may not be read",
      cause,
    );
  }
}

/** @throws MemberlistError `thread_unavailable` */
function newWorker(file: URL): DenoWorker {
  // An application that passes its own file would start itself, and that again, without end.
  if (denoGlobal.name === workerName) throw threadUnavailable(`thread.entry is an application; ${bundleAdvice}`);
  try {
    return new denoGlobal.Worker(file, { type: "module", name: workerName });
  } catch (cause) {
    throw threadUnavailable("Deno starts no worker", cause);
  }
}

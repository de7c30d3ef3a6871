import { access } from "node:fs/promises";
import { Worker, workerData } from "node:worker_threads";
import { errnoOf, threadStarted, threadUnavailable, type MemberThread } from "@memberlist/core/internal";

/** Undefined in a bundle that is CommonJS. */
const thisModule: string | undefined = import.meta.url;

/** True only in a runtime that reads TypeScript. */
const isSource = isTypeScript(thisModule);

/** The `workerData` of a member's thread. */
const mark = "the thread of a member";

const bundleAdvice = "bundle @memberlist/transport-node/thread, too, and pass its file as thread: { entry }";

/**
 * Starts the program of a member's thread, and waits until it runs.
 *
 * @param entry its file; default: the one next to this module
 * @param hasModule the thread imports a module of the application, which may need the flags of this process, such as a loader
 * @param timeout how long the program may take until it runs, in ms; default 30 s
 * @throws MemberlistError `thread_unavailable`
 */
export async function startThread(entry: URL | undefined, hasModule: boolean, timeout?: number): Promise<MemberThread> {
  const file = await findEntry(entry);
  const worker = newWorker(file, hasModule);
  let cause: unknown;
  const ended = new Promise<unknown>((resolve) => {
    worker.on("error", (error) => (cause ??= error));
    // A call whose reply was lost would wait for ever.
    worker.on("messageerror", (error) => {
      cause ??= error;
      setImmediate(endUnreadable, worker);
    });
    worker.on("exit", (code) => resolve(cause ?? (code === 0 ? undefined : new Error(`it has exited with code ${code}`))));
  });
  const firstMessage = new Promise<unknown>((resolve) => void worker.once("message", resolve));
  const thread: MemberThread = {
    port: {
      post: (message, transfer) => worker.postMessage(message, transfer),
      listen: (onMessage) => void worker.on("message", onMessage),
    },
    ended,
    terminate: async () => {
      await worker.terminate();
    },
  };
  return threadStarted({ thread, file, firstMessage, bundleAdvice, timeout });
}

function isTypeScript(file: string | undefined): boolean {
  return file?.endsWith(".ts") === true;
}

function endUnreadable(worker: Worker): void {
  worker.terminate().catch(() => undefined);
}

/** @throws MemberlistError `thread_unavailable` */
async function findEntry(entry: URL | undefined): Promise<URL> {
  try {
    // Not one expression: a bundler would take the file for an asset, and copy it without its imports.
    const program = isSource ? "./thread.ts" : "./memberlist-thread.js";
    const file = entry ?? new URL(program, thisModule);
    await access(file);
    return file;
  } catch (cause) {
    throw threadUnavailable(entry === undefined ? missingEntry(cause) : `thread.entry ${entry.href} cannot be read`, cause);
  }
}

function missingEntry(cause: unknown): string {
  if (errnoOf(cause) === "ERR_ACCESS_DENIED")
    return "its program may not be read: start Node with --allow-fs-read for this package";
  return `its program is not next to this module, as in a bundle: ${bundleAdvice}, or keep @memberlist/transport-node out of the bundle (external)`;
}

/** @throws MemberlistError `thread_unavailable` */
function newWorker(file: URL, hasModule: boolean): Worker {
  // An application that passes its own file would start itself, and that again, without end.
  if (workerData === mark) throw threadUnavailable(`thread.entry is an application; ${bundleAdvice}`);
  try {
    return new Worker(file, { workerData: mark, ...(hasModule || isSource ? {} : { execArgv: [] }) });
  } catch (cause) {
    const isDenied = errnoOf(cause) === "ERR_ACCESS_DENIED";
    throw threadUnavailable(isDenied ? "start Node with --allow-worker" : "the system starts no thread", cause);
  }
}

import { access } from "node:fs/promises";
import { Worker, workerData } from "node:worker_threads";
import { MemberlistError } from "@memberlist/core";
import { errnoOf, errorMessage, type MemberThread } from "@memberlist/core/internal";

/** Undefined in a bundle that is CommonJS. */
const thisModule: string | undefined = import.meta.url;

/** Only where the runtime reads TypeScript. */
const isSource = isTypeScript(thisModule);

/** What the data of a member's thread is. */
const mark = "the thread of a member";

/**
 * Starts the program of a member's thread, and waits until it runs.
 *
 * @param entry its file; default: the one next to this module
 * @param hasModule the thread imports a module of the application, which may need the flags of this process, such as a loader
 * @throws MemberlistError `thread_unavailable`
 */
export async function startThread(entry: URL | undefined, hasModule: boolean): Promise<MemberThread> {
  const file = await findEntry(entry);
  const worker = newWorker(file, hasModule);
  const terminate = async (): Promise<void> => {
    await worker.terminate();
  };
  let cause: unknown;
  const ended = new Promise<unknown>((resolve) => {
    worker.on("error", (error) => (cause ??= error));
    // Without the message that was lost, calls would wait for ever.
    worker.on("messageerror", (error) => {
      cause ??= error;
      setImmediate(endUnreadable, worker);
    });
    worker.on("exit", (code) => resolve(cause ?? (code === 0 ? undefined : new Error(`it has exited with code ${code}`))));
  });
  await new Promise<void>((resolve, reject) => {
    worker.once("message", () => resolve());
    ended.then((error) => reject(unavailable(`its program ${file.href} has ended`, error)), reject);
  });
  return {
    port: {
      post: (message, transfer) => worker.postMessage(message, transfer),
      listen: (onMessage) => void worker.on("message", onMessage),
    },
    ended,
    terminate,
  };
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
    // Not one expression: a bundler would take the file for an asset, and copy it without what it imports.
    const program = isSource ? "./thread.ts" : "./thread.js";
    const file = entry ?? new URL(program, thisModule);
    await access(file);
    return file;
  } catch (cause) {
    throw unavailable(entry === undefined ? missingEntry(cause) : `thread.entry ${entry.href} cannot be read`, cause);
  }
}

const bundleAdvice = "bundle @memberlist/transport-node/thread, too, and pass its file as thread: { entry }";

function missingEntry(cause: unknown): string {
  if (errnoOf(cause) === "ERR_ACCESS_DENIED")
    return "its program may not be read: start Node with --allow-fs-read for this package";
  return `its program is not next to this module, as in a bundle: ${bundleAdvice}, or keep @memberlist/transport-node out of the bundle (external)`;
}

/** @throws MemberlistError `thread_unavailable` */
function newWorker(file: URL, hasModule: boolean): Worker {
  // An application that passes its own file would start itself, and that again, without end.
  if (workerData === mark) throw unavailable(`thread.entry is an application; ${bundleAdvice}`, undefined);
  try {
    return new Worker(file, { workerData: mark, ...(hasModule || isSource ? {} : { execArgv: [] }) });
  } catch (cause) {
    const isDenied = errnoOf(cause) === "ERR_ACCESS_DENIED";
    throw unavailable(isDenied ? "start Node with --allow-worker" : "the system starts no thread", cause);
  }
}

function unavailable(reason: string, cause: unknown): MemberlistError {
  const said = cause === undefined ? "" : ` (${errorMessage(cause)})`;
  return new MemberlistError("thread_unavailable", `the member's thread did not start: ${reason}${said}`, { cause });
}

import nodeModule from "node:module";
import type * as piscinaModule from "piscina";
import { errorMessage } from "@memberlist/core/internal";
import type { WorkerJob } from "./worker-job.ts";

type PiscinaModule = typeof piscinaModule;

/** The thread did not start: another one would not either. */
export class ThreadStartError extends Error {}

/**
 * Loads piscina from where the program of the threads is installed. Not by an `import`, which a bundler would follow: piscina starts threads
 * from a file next to its own, and a bundle does not have it.
 *
 * @throws Error where piscina is not installed, or may not be read
 */
export function loadPiscina(entry: URL): PiscinaModule {
  // Without it piscina starts a thread, fails, and forgets the thread, which then keeps the process alive.
  if (typeof SharedArrayBuffer === "undefined") throw new Error("this process has no SharedArrayBuffer");
  // By the module object, so that webpack does not look into it, and warn.
  return nodeModule.createRequire(entry)("piscina") as PiscinaModule;
}

/**
 * One thread that does one piece of work at a time; it starts with the first, and ends when it is idle.
 *
 * It is a piscina of its own: one with several threads also starts them in event handlers, where a `new Worker` that throws ends the
 * process. Here a thread is only ever started by {@link GuardedThread.run}.
 */
export class GuardedThread {
  readonly #piscina: piscinaModule.Piscina;
  /** Rejects the work that the thread has, and that piscina may never settle. */
  #abandon: ((error: Error) => void) | undefined;
  /** Piscina keeps a promise of ours that no code can await. */
  #isLost = false;

  constructor(piscina: PiscinaModule, entry: URL, idleTimeout: number) {
    this.#piscina = new piscina.Piscina({
      filename: entry.href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout,
      // A thread without work sleeps in its event loop, where its garbage is collected; a job is long, waking it is not.
      atomics: "disabled",
      // None of the process's own flags: loaders and conditions are not for this program.
      execArgv: [],
      recordTiming: false,
    });
    this.#piscina.on("error", (error: Error) => this.#notStarted(error));
    // Piscina starts no other thread for the work that it meant for one that has ended before it started. Work that a
    // running thread has is rejected by piscina first.
    this.#piscina.on("workerDestroy", () => {
      const abandon = this.#abandon;
      setImmediate(() => {
        if (abandon === this.#abandon) this.#notStarted(new Error("the thread ended before it started"));
      });
    });
  }

  /**
   * @param work its bytes are transferred to the thread
   * @returns the answer of the thread, unchecked
   * @throws ThreadStartError where the thread does not start; an Error when it dies at work, or its program throws
   */
  run(work: WorkerJob & { readonly bytes: Uint8Array<ArrayBuffer> }): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        if (this.#abandon === reject) this.#abandon = undefined;
        end();
      };
      let answer: Promise<unknown>;
      try {
        answer = this.#piscina.run(work, { transferList: [work.bytes.buffer] });
      } catch (error) {
        // `new Worker` has thrown. Piscina keeps the promise of this work, and would reject it when it is destroyed.
        this.#isLost = true;
        reject(startError(error));
        return;
      }
      this.#abandon = reject;
      answer.then(
        (result) => settle(() => resolve(result)),
        (error: Error) => settle(() => reject(error)),
      );
    });
  }

  /** Ends the thread, in the middle of its work too. Resolves when it is gone. */
  async close(): Promise<void> {
    if (this.#isLost) await Promise.allSettled(this.#piscina.threads.map((worker) => worker.terminate()));
    else await this.#piscina.destroy();
  }

  #notStarted(error: unknown): void {
    this.#abandon?.(startError(error));
    this.#abandon = undefined;
  }
}

function startError(cause: unknown): ThreadStartError {
  return new ThreadStartError(errorMessage(cause), { cause });
}

import { ThreadsPoolWorker, type PoolOptions, type PoolWorker, type WorkerRequest } from "vitest/node";

/** After so many runs a thread is replaced, in case a mutant has spoiled something that the sources keep in a module. */
const runsMax = 25;

type Listener = (argument: unknown) => void;

interface Kept {
  readonly thread: ThreadsPoolWorker;
  runs: number;
  isStarted: boolean;
}

let kept: Kept | undefined;

/**
 * A worker for vitest's pool whose thread outlives the run, and with it the sources that the thread has loaded. Stryker runs vitest once for
 * each mutant and switches mutants on without loading anything again: a new thread for each would take most of the time.
 */
export class KeptThread implements PoolWorker {
  readonly name: string = "kept-thread";
  readonly #options: PoolOptions;
  readonly #listeners: { readonly event: string; readonly listener: Listener }[] = [];
  #kept: Kept | undefined;
  #config: object = {};

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (kept !== undefined && kept.runs >= runsMax) {
      await kept.thread.stop();
      kept = undefined;
    }
    if (kept === undefined) {
      kept = { thread: new ThreadsPoolWorker(this.#options), runs: 0, isStarted: false };
      await kept.thread.start();
    }
    kept.runs++;
    this.#kept = kept;
  }

  /** The thread lives on; only this run's listeners go. */
  async stop(): Promise<void> {
    for (const { event, listener } of this.#listeners.splice(0)) this.#kept?.thread.off(event, listener);
  }

  on(event: string, listener: Listener): void {
    this.#listeners.push({ event, listener });
    this.#kept?.thread.on(event, listener);
  }

  off(event: string, listener: Listener): void {
    const i = this.#listeners.findIndex((own) => own.event === event && own.listener === listener);
    if (i >= 0) this.#listeners.splice(i, 1);
    this.#kept?.thread.off(event, listener);
  }

  /** The thread starts once and never stops; each run brings its own config, which has the names of the tests to run. */
  send(request: WorkerRequest): void {
    const { type } = request;
    if (type === "start") {
      this.#config = request.context.config;
      if (this.#kept?.isStarted === true) {
        this.#answer("started");
        return;
      }
      if (this.#kept !== undefined) this.#kept.isStarted = true;
    } else if (type === "stop") {
      this.#answer("stopped");
      return;
    } else if (type === "run" || type === "collect") {
      this.#kept?.thread.send({ ...request, context: { ...request.context, config: this.#config } as typeof request.context });
      return;
    }
    this.#kept?.thread.send(request);
  }

  deserialize(data: unknown): unknown {
    return data;
  }

  /** In the thread's place. */
  #answer(type: "started" | "stopped"): void {
    setImmediate(() => {
      const listeners = this.#listeners.filter(({ event }) => event === "message");
      for (const { listener } of listeners) listener({ __vitest_worker_response__: true, type });
    });
  }
}

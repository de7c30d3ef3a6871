import { access } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { MemberlistError } from "@memberlist/core";
import {
  boolean,
  configError,
  errorMessage,
  integer,
  type DecodeJob,
  type EncodeJob,
  type Log,
  type Rules,
  type StreamWorkers,
} from "@memberlist/core/internal";
import { GuardedThread, loadPiscina, ThreadStartError } from "./guarded-thread.ts";
import { answerOf, doWorkerJobInParts, errorOf, type WorkerFailure, type WorkerJob } from "./worker-job.ts";
import { NodeCrypto } from "./node-crypto.ts";

/** Threads for the compression and encryption of long stream messages, so that they do not block the event loop. */
export interface WorkerOptions {
  /** How many at most. They start when they are needed. Default: one less than the machine has cores, at least 1 and at most 2. */
  readonly threads?: number;
  /**
   * Messages of at least so many bytes are done in a thread; shorter ones on the event loop, in parts from 64 KiB on. Default 4,194,304: to start a
   * thread and to warm it up costs some 200 ms of CPU time, and 4 MiB some 50 ms, in parts of 1 ms.
   */
  readonly threshold?: number;
  /** True: all work is done on the event loop. Default false. */
  readonly off?: boolean;
  /**
   * The file of the threads' program: a copy or a bundle of `@memberlist/transport-node/worker`, from where piscina is found. Default: the
   * one of this package. An application that is bundled with this package does not have it, and needs none: see the README.
   */
  readonly entry?: URL;
}

export interface WorkerPoolOptions {
  readonly workers: WorkerOptions;
  readonly log: Log;
  /** After how long without work a thread ends, in ms. Default 10,000. */
  readonly idleTimeout?: number;
}

export const workerRules: Rules<WorkerOptions> = {
  threads: integer(1),
  threshold: integer(1),
  off: boolean,
  entry: { expected: "a URL", accepts: (value) => value instanceof URL },
};

const defaultThreshold = 4 * 1024 * 1024;
const defaultIdleTimeout = 10_000;
/** Bytes that are copied in one go: some 0.3 ms. */
const copiedInOneGo = 512 * 1024;
/** How often a job is given to a thread before it is done inline. */
const attemptsMax = 2;

/**
 * Compresses, encrypts, decrypts and decompresses in threads. They start with the first job, end when they are idle, and keep
 * no process alive. A job whose thread dies is done again, by another thread and then inline: none is lost. Where threads cannot be
 * had (a bundle, a limit of the container, missing permissions), everything is done inline, in parts; that is logged once.
 */
export class WorkerPool implements StreamWorkers {
  readonly threshold: number;
  readonly #options: WorkerPoolOptions;
  readonly #inline = new NodeCrypto();
  /** All threads, and those of them that have nothing to do. */
  readonly #all = new Set<GuardedThread>();
  readonly #idle: GuardedThread[] = [];
  /** Jobs that wait for a thread. Their bytes are not copied before it is their turn. */
  readonly #waiting: (() => void)[] = [];
  #free: number;
  #failures = 0;
  #makeThread: Promise<() => GuardedThread> | undefined;
  /** Threads failed too often: all jobs run on the event loop. */
  #isInline = false;
  #closed: Promise<void> | undefined;

  /** @throws ConfigError `invalid_config` */
  static async open(options: WorkerPoolOptions): Promise<WorkerPool> {
    const { entry } = options.workers;
    if (entry !== undefined) await checkEntry(entry);
    return new WorkerPool(options);
  }

  constructor(options: WorkerPoolOptions) {
    const { threads = Math.min(2, Math.max(1, availableParallelism() - 1)), threshold = defaultThreshold } = options.workers;
    this.#options = options;
    this.threshold = threshold;
    this.#free = threads;
  }

  /** Threads that died at work, did not start, or gave an answer that is not one. */
  get failures(): number {
    return this.#failures;
  }

  encode(message: Uint8Array, job: EncodeJob, isWanted?: () => boolean): Promise<Uint8Array> {
    return this.#do({ kind: "encode", bytes: message, job }, isWanted);
  }

  decode(payload: Uint8Array, job: DecodeJob, isWanted?: () => boolean): Promise<Uint8Array> {
    return this.#do({ kind: "decode", bytes: payload, job }, isWanted);
  }

  /** Ends the threads, in the middle of their work too. Resolves when they are gone. May be called twice. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#all].map((thread) => thread.close()));
  }

  async #do(work: WorkerJob, isWanted?: () => boolean): Promise<Uint8Array> {
    await this.#takeSlot();
    try {
      checkWanted(isWanted);
      const result = await this.#doInThread(work);
      if (result instanceof Uint8Array) return result;
      if (result !== undefined) throw errorOf(result);
      // A turn of its own: the job before it may have been one long piece, such as a message that no key fits.
      await turn();
      checkWanted(isWanted);
      return await doWorkerJobInParts(this.#inline, work, async () => {
        await turn();
        checkWanted(isWanted);
      });
    } finally {
      this.#giveSlot();
    }
  }

  /** Undefined: no thread could do it. */
  async #doInThread(work: WorkerJob): Promise<Uint8Array | WorkerFailure | undefined> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const thread = await this.#takeThread();
      if (thread === undefined) return undefined;
      try {
        // A copy, which the thread takes over: the original is still needed if the thread dies, and its buffer may hold more.
        const bytes = await copyInParts(work.bytes);
        if (this.#closed !== undefined) throw shutDown();
        const answer = answerOf(await thread.run({ ...work, bytes }));
        if (answer !== undefined) {
          this.#idle.push(thread);
          return answer;
        }
        this.#drop(thread);
        this.#failures++;
        this.#giveUp("a thread gave an answer that is not understood: its program is not the one of this package");
        return undefined;
      } catch (error) {
        this.#drop(thread);
        if (this.#closed !== undefined) throw shutDown();
        this.#failures++;
        if (error instanceof ThreadStartError) {
          this.#giveUp(`a thread did not start: ${error.message}`, error.cause);
          return undefined;
        }
        const fields = { kind: work.kind, size: work.bytes.length, attempt, error };
        this.#options.log.warn("worker_failed", `a thread failed, its work is done again: ${errorMessage(error)}`, fields);
      }
    }
    return undefined;
  }

  /** Undefined where there can be no threads. */
  async #takeThread(): Promise<GuardedThread | undefined> {
    if (this.#closed !== undefined) throw shutDown();
    if (this.#isInline) return undefined;
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    try {
      this.#makeThread ??= this.#load();
      const make = await this.#makeThread;
      if (this.#closed !== undefined) throw shutDown();
      const thread = make();
      this.#all.add(thread);
      return thread;
    } catch (error) {
      if (this.#closed !== undefined) throw shutDown();
      this.#giveUp(errorMessage(error), error);
      return undefined;
    }
  }

  async #load(): Promise<() => GuardedThread> {
    const { workers, idleTimeout = defaultIdleTimeout } = this.#options;
    const entry = workers.entry ?? (await ownEntry());
    const piscina = loadPiscina(entry);
    // Loading took long.
    await turn();
    return () => new GuardedThread(piscina, entry, idleTimeout);
  }

  /** The cause that keeps one thread from starting keeps the next one, too: no thread is tried again. */
  #giveUp(cause: string, error?: unknown): void {
    if (this.#isInline || this.#closed !== undefined) return;
    this.#isInline = true;
    const message = `long messages are compressed and encrypted on the event loop, in parts, and not in threads: ${cause}`;
    this.#options.log.info("workers_unavailable", message, error === undefined ? {} : { error });
  }

  #drop(thread: GuardedThread): void {
    this.#all.delete(thread);
    thread.close().catch((error: unknown) => {
      this.#options.log.debug("workers_unavailable", `ending a thread: ${errorMessage(error)}`, { error });
    });
  }

  async #takeSlot(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  #giveSlot(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

function checkWanted(isWanted: (() => boolean) | undefined): void {
  if (isWanted?.() === false) throw new MemberlistError("aborted", "cancelled: the stream was closed");
}

/** Yields to the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A copy; of many bytes, with yields to the event loop in between. */
async function copyInParts(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes.length <= copiedInOneGo) return new Uint8Array(bytes);
  // Each part has a turn of its own: the work before and after it may be long, too.
  await turn();
  const copy = new Uint8Array(bytes.length);
  for (let from = 0; from < bytes.length; from += copiedInOneGo) {
    copy.set(bytes.subarray(from, from + copiedInOneGo), from);
    await turn();
  }
  return copy;
}

async function checkEntry(entry: URL): Promise<void> {
  try {
    await access(entry);
  } catch (cause) {
    throw configError("workers.entry", `${String(entry)} is not a file that can be read: ${errorMessage(cause)}`, cause);
  }
}

/** Undefined in a bundle that is CommonJS. */
const thisModule: string | undefined = import.meta.url;

/** The threads' program, next to this module. */
async function ownEntry(): Promise<URL> {
  try {
    // Not one expression: a bundler would take the file for an asset, and copy it without what it imports.
    const entry = new URL("./worker.js", thisModule);
    await access(entry);
    return entry;
  } catch (cause) {
    const advice = "as in a bundle. To have threads, keep @memberlist/transport-node out of the bundle (external)";
    throw new Error(`the threads' program is not next to this module, ${advice}`, { cause });
  }
}

function shutDown(): MemberlistError {
  return new MemberlistError("shutdown", "the transport is shut down");
}

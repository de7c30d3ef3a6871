import type { Clock, ClockTimer } from "../ports/clock.ts";
import type { MemberThread, StartThread, ThreadPort } from "./thread-port.ts";

/** The first and the longest pause before a new thread, in ms, and after how many failures in a row the supervisor gives up. */
const firstPause = 100;
const longestPause = 10_000;
const maxFailures = 10;
/** After this time, in ms, a thread that ends did not fail at its start: the pauses begin anew. */
const healthyAfter = 60_000;

export interface ThreadSupervisorOptions {
  readonly clock: Clock;
  readonly startThread: StartThread;
  /** Starts the member in a new thread. */
  readonly startMember: (port: ThreadPort) => Promise<void>;
  /** The thread has ended by itself. */
  readonly onEnded: (cause: unknown) => void;
  /** The supervisor is about to start a new thread. */
  readonly onRestart: () => void;
  readonly onRestarted: () => void;
  readonly onRestartFailed: (error: unknown) => void;
  /** The supervisor has given up. */
  readonly onGivenUp: () => void;
}

/** Keeps the thread of a member running. After an end it starts a new thread, with growing pauses, at most ten times in a row. */
export class ThreadSupervisor {
  readonly #options: ThreadSupervisorOptions;
  #thread: MemberThread | undefined;
  #startedAt = 0;
  #hasStarted = false;
  #failures = 0;
  #timer: ClockTimer = undefined;
  #isStopped = false;

  constructor(options: ThreadSupervisorOptions) {
    this.#options = options;
  }

  /** The port of the running thread. */
  get port(): ThreadPort | undefined {
    return this.#thread?.port;
  }

  /** Whether a thread runs, and its member has started. */
  get isRunning(): boolean {
    return this.#hasStarted && this.#thread !== undefined;
  }

  /** Starts the first thread. If that fails, the supervisor does not try again. */
  async start(): Promise<void> {
    await this.#run();
    this.#hasStarted = true;
  }

  /** Ends the thread for good. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#options.clock.clearTimeout(this.#timer);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  async #run(): Promise<void> {
    const { clock, startMember, startThread } = this.#options;
    const thread = await startThread();
    if (this.#isStopped) {
      await thread.terminate();
      return;
    }
    this.#thread = thread;
    this.#startedAt = clock.now();
    const onEnd = (cause: unknown): void => this.#ended(thread, cause);
    thread.ended.then(onEnd, onEnd);
    await startMember(thread.port);
  }

  #ended(thread: MemberThread, cause: unknown): void {
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    if (this.#options.clock.now() - this.#startedAt > healthyAfter) this.#failures = 0;
    this.#options.onEnded(cause);
    if (this.#hasStarted && !this.#isStopped) this.#startAgain();
  }

  #startAgain(): void {
    const { clock, onGivenUp } = this.#options;
    const pause = Math.min(firstPause * 2 ** this.#failures, longestPause);
    this.#failures++;
    this.#hasStarted = false;
    if (this.#failures > maxFailures) onGivenUp();
    else this.#timer = clock.setTimeout(() => this.#restart(), pause);
  }

  #restart(): void {
    const { onRestart, onRestarted, onRestartFailed } = this.#options;
    onRestart();
    this.#run().then(
      () => {
        this.#hasStarted = true;
        if (!this.#isStopped) onRestarted();
      },
      (error: unknown) => {
        if (this.#isStopped) return;
        const thread = this.#thread;
        this.#thread = undefined;
        thread?.terminate().catch(nothing);
        onRestartFailed(error);
        this.#startAgain();
      },
    );
  }
}

function nothing(): void {
  // The supervisor has forgotten the thread in any case.
}

import type { Clock, ClockTimer } from "../ports/clock.ts";
import type { MemberThread, StartThread, ThreadPort } from "./thread-port.ts";

/** The first and the longest pause before a thread is started again, in ms, and how many failures in a row end that. */
const firstPause = 100;
const longestPause = 10_000;
const maxFailures = 10;
/** A thread that has run for so long, in ms, did not fail at its start. */
const healthyAfter = 60_000;

export interface ThreadSupervisorOptions {
  readonly clock: Clock;
  readonly startThread: StartThread;
  /** Starts the member in a new thread. */
  readonly startMember: (port: ThreadPort) => Promise<void>;
  /** The thread has ended by itself. */
  readonly onEnded: (cause: unknown) => void;
  /** A new thread is about to be started. */
  readonly onRestart: () => void;
  readonly onRestarted: () => void;
  readonly onRestartFailed: (error: unknown) => void;
  /** The thread is not started again. */
  readonly onGivenUp: () => void;
}

/** Keeps the thread of a member running: starts it again when it has ended, after growing pauses, ten times in a row at most. */
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

  /** That of the running thread. */
  get port(): ThreadPort | undefined {
    return this.#thread?.port;
  }

  /** Whether there is a thread, and its member has started. */
  get isRunning(): boolean {
    return this.#hasStarted && this.#thread !== undefined;
  }

  /** Starts the first thread. It is not started again if that fails. */
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
  // A thread whose end fails is gone as well.
}

import type { Address } from "../api/address.ts";
import { errorMessage, MemberlistError } from "../api/errors.ts";
import type { Clock } from "../ports/clock.ts";
import { atMost } from "../transport-kit/time-limit.ts";
import { ApplicationHeartbeat } from "./application-watch.ts";
import { OutgoingMessages } from "./outgoing-messages.ts";
import { ThreadCalls } from "./thread-calls.ts";
import {
  shared,
  type ApplicationMessage,
  type Call,
  type FeedMessage,
  type QuestionMessage,
  type StartMessage,
  type ThreadMessage,
} from "./thread-messages.ts";
import type { StartThread, ThreadPort } from "./thread-port.ts";
import { ThreadSupervisor } from "./thread-supervisor.ts";

/** How long {@link ThreadLink.stop} waits for the member's shutdown, in ms. */
const stopTimeout = 5_000;

export interface ThreadLinkOptions {
  readonly clock: Clock;
  /** In ms; 0: the application is not watched. */
  readonly applicationTimeout: number;
  readonly startThread: StartThread;
  /** What a new thread needs to start the member. */
  readonly startMessage: () => Omit<StartMessage, "applicationTimeout" | "shared" | "type">;
  readonly onFeed: (feed: FeedMessage) => void;
  /** @param answer posts an answer to the thread that asks */
  readonly onQuestion: (message: QuestionMessage, answer: (message: ApplicationMessage) => void) => void;
  /** The thread has ended by itself: `thread_failed`. */
  readonly onEnded: (error: MemberlistError) => void;
  /** The link is about to start a new thread. */
  readonly onRestart: () => void;
  readonly onRestarted: () => void;
  /** A new thread did not start. */
  readonly onRestartFailed: (error: unknown) => void;
  /** The link has given up: the thread has failed too often. */
  readonly onGivenUp: () => void;
  /** The link could not send `count` messages. */
  readonly onDropped: (count: number) => void;
}

/** The application's connection to the thread of its member: it starts the thread, and carries calls, messages and the heartbeat. */
export class ThreadLink {
  readonly #options: ThreadLinkOptions;
  readonly #memory: Int32Array = new Int32Array(new SharedArrayBuffer(shared.bytes));
  readonly #heartbeat: ApplicationHeartbeat;
  readonly #calls: ThreadCalls = new ThreadCalls();
  readonly #outgoing: OutgoingMessages;
  readonly #supervisor: ThreadSupervisor;
  #isStopped = false;

  constructor(options: ThreadLinkOptions) {
    const { applicationTimeout, clock, onDropped, onGivenUp, onRestart, onRestartFailed, onRestarted, startThread } = options;
    this.#options = options;
    this.#heartbeat = new ApplicationHeartbeat(clock, this.#memory, applicationTimeout);
    this.#outgoing = new OutgoingMessages({
      clock,
      memory: this.#memory,
      post: (blocks) =>
        this.#postToMember(
          { type: "send", blocks },
          blocks.map(({ bytes }) => bytes),
        ),
      onDropped,
    });
    this.#supervisor = new ThreadSupervisor({
      clock,
      startThread,
      startMember: (port) => this.#startMember(port),
      onEnded: (cause) => this.#ended(cause),
      onRestart,
      onRestarted,
      onRestartFailed,
      onGivenUp,
    });
  }

  /**
   * Starts the thread and the member in it.
   *
   * @throws ConfigError `invalid_config`; MemberlistError `thread_unavailable`, `thread_failed`, or as the start on the event loop
   */
  start(): Promise<void> {
    return this.#supervisor.start();
  }

  /** Posts the waiting messages, and then a call. It resolves with the reply. */
  async call(call: Call, signal?: AbortSignal): Promise<unknown> {
    this.#outgoing.flush();
    return this.#calls.call(call, signal, (message) => this.#postToMember(message));
  }

  /** The thread has answered a call. */
  reply(id: number, value: unknown, error: unknown): void {
    this.#calls.reply(id, value, error);
  }

  /** @returns false if the sender should pause */
  send(message: Uint8Array, to: Address, crc: boolean): boolean {
    return this.#outgoing.add(message, to, crc);
  }

  /** The application has handled a feed. */
  handled(): void {
    Atomics.add(this.#memory, shared.handledFeeds, 1);
    if (Atomics.exchange(this.#memory, shared.feedWaits, 0) === 1) this.post({ type: "handled" });
  }

  /**
   * Posts to the thread, even before its member has started. Between two threads it does nothing: the start message of the next one has the
   * new state.
   */
  post(message: ApplicationMessage): void {
    this.#supervisor.port?.post(message);
  }

  /** Shuts the member down, and ends its thread. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const { clock } = this.#options;
    if (this.#supervisor.isRunning) await atMost(stopTimeout, this.call({ method: "stop" }).catch(ignore), clock);
    await this.end();
  }

  /** Ends the thread at once. */
  async end(): Promise<void> {
    this.#isStopped = true;
    this.#heartbeat.stop();
    const ended = this.#supervisor.stop();
    this.#calls.rejectAll(shutDown());
    await ended;
  }

  async #startMember(port: ThreadPort): Promise<void> {
    const { applicationTimeout, startMessage } = this.#options;
    const started = this.#calls.started();
    Atomics.store(this.#memory, shared.handledFeeds, 0);
    port.listen((message) => {
      if (this.#supervisor.port === port) this.#receive(message as ThreadMessage, port);
    });
    if (applicationTimeout > 0) this.#heartbeat.start();
    this.post({ type: "start", ...startMessage(), applicationTimeout, shared: this.#memory.buffer as SharedArrayBuffer });
    await started;
  }

  #receive(message: ThreadMessage, port: ThreadPort): void {
    if (message.type === "feed") {
      this.#options.onFeed(message);
      return;
    }
    this.#options.onQuestion(message, (answer) => {
      // A new thread counts its questions from 1 again, and must not get this answer.
      if (this.#supervisor.port === port) port.post(answer);
    });
  }

  #ended(cause: unknown): void {
    const reason = cause === undefined ? "it has exited" : errorMessage(cause);
    const error = new MemberlistError("thread_failed", `the member's thread has ended: ${reason}`, { cause, stateChanged: true });
    this.#calls.rejectAll(this.#isStopped ? shutDown() : error);
    this.#outgoing.forget();
    if (!this.#isStopped) this.#options.onEnded(error);
  }

  /** @returns false if no member runs */
  #postToMember(message: ApplicationMessage, transfer?: readonly ArrayBuffer[]): boolean {
    const { isRunning, port } = this.#supervisor;
    if (isRunning) port?.post(message, transfer);
    return isRunning;
  }
}

export function shutDown(): MemberlistError {
  return new MemberlistError("shutdown", "the memberlist was shut down");
}

function ignore(): void {
  // The link ends the thread even if the member's shutdown fails.
}

import { constants } from "node:os";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** pnpm passes a terminal's Ctrl-C on, so that it arrives twice: a signal within this time of the first, in ms, counts as the same one. */
const sameKeyPress = 500;

/** Ctrl-C and its like: the first ends the run in good order, the second at once. */
export class Interruption {
  readonly #controller: AbortController = new AbortController();
  readonly #listener = (name: NodeJS.Signals): void => this.#interrupt(name);
  #firstAt = 0;
  #exitCode = 0;

  constructor() {
    for (const name of signals) process.on(name, this.#listener);
    // The reader of the pipe has ended (`| head`).
    process.stdout.on("error", this.#brokenPipe);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit code of the process: 128 + the signal's number, or 0 without a signal. */
  get exitCode(): number {
    return this.#exitCode;
  }

  /** Whether it was Ctrl-C, which is how a cluster or an agent that runs on is ended. */
  get isOrderly(): boolean {
    return this.#exitCode === 128 + constants.signals.SIGINT;
  }

  dispose(): void {
    for (const name of signals) process.off(name, this.#listener);
  }

  readonly #brokenPipe: () => void = () => this.#interrupt("SIGPIPE");

  #interrupt(name: NodeJS.Signals): void {
    const now = performance.now();
    if (!this.signal.aborted) {
      this.#firstAt = now;
      this.#exitCode = 128 + constants.signals[name];
      this.#controller.abort();
    } else if (name !== "SIGPIPE" && now - this.#firstAt > sameKeyPress) {
      // On the exit of this process its peers are killed, each by its pid.
      process.exit(128 + constants.signals[name]);
    }
  }
}

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const answerTimeout = 20_000;
/** A profile takes its time to be written. */
const endTimeout = 10_000;

/** A process that answers each line of JSON on its stdin by one on its stdout. */
export class Child {
  readonly #name: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, [program, ...args]: readonly [string, ...string[]]) {
    this.#name = name;
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    const { stdin, stdout } = this.#process;
    if (stdin === null || stdout === null) throw new Error(`${name} has no stdin or stdout`);
    // A process that has ended is found out by its missing answer.
    stdin.on("error", () => undefined);
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** @param limit in ms: how long the answer may take */
  async ask<T>(question: unknown, limit: number = answerTimeout): Promise<T> {
    this.#process.stdin?.write(`${JSON.stringify(question)}\n`);
    const late = new AbortController();
    const timeout = sleep(limit, undefined, { signal: late.signal }).then(() => {
      throw new Error(`${this.#name} did not answer in time`);
    });
    try {
      const answer = await Promise.race([this.#lines.next(), timeout]);
      if (answer.done === true) throw new Error(`${this.#name} ended before its time (${await this.#ending()})`);
      return JSON.parse(answer.value) as T;
    } finally {
      timeout.catch(() => undefined);
      late.abort();
    }
  }

  /** Its exit code, or the signal that has ended it. */
  async #ending(): Promise<string> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) await Promise.race([once(this.#process, "exit"), sleep(endTimeout)]);
    return this.#process.signalCode ?? `exit code ${this.#process.exitCode}`;
  }

  /** Ends it by the end of its stdin, so that it can write a profile; what does not end is killed. */
  async end(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#process.once("exit", () => resolve()));
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const late = new AbortController();
    this.#process.stdin?.end();
    await Promise.race([ended, sleep(endTimeout, undefined, { signal: late.signal })]);
    late.abort();
    this.#process.kill("SIGKILL");
  }
}

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { Mark, NodeTask } from "./node-task.ts";
import type { Runtime } from "./runtimes.ts";

const answerTimeout = 10_000;

/** A node in a process of its own. */
export class Child {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor({ command: [program, ...args] }: Runtime) {
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("the node has no stdout");
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** @returns the node's port */
  async start(task: NodeTask): Promise<number> {
    const { port } = await this.#ask<{ port: number }>(JSON.stringify(task));
    return port;
  }

  mark(): Promise<Mark> {
    return this.#ask("mark");
  }

  stop(): Promise<Mark> {
    return this.#ask("stop");
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  async #ask<T>(line: string): Promise<T> {
    this.#process.stdin?.write(`${line}\n`);
    const late = new AbortController();
    const timeout = sleep(answerTimeout, undefined, { signal: late.signal }).then(() => {
      throw new Error("a node did not answer in time");
    });
    try {
      const answer = await Promise.race([this.#lines.next(), timeout]);
      if (answer.done === true) throw new Error("a node ended before its time");
      return JSON.parse(answer.value) as T;
    } finally {
      timeout.catch(() => undefined);
      late.abort();
    }
  }
}

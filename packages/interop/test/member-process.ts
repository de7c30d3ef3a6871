import { spawn, type ChildProcess } from "node:child_process";
import process from "node:process";

export interface MemberProcessOptions {
  /** On top of PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** The words before the command, such as those that run it in a namespace. */
  readonly enter?: readonly string[];
}

/** A member in a process of its own, which gets its configuration by the environment and ends by a signal. */
export class MemberProcess implements AsyncDisposable {
  /** Resolves with the exit code, or the signal, once the process has ended. */
  readonly ended: Promise<number | string>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;

  constructor(program: string, { env, enter = [] }: MemberProcessOptions) {
    const [command, ...args] = [...enter, process.execPath, program] as unknown as [string, ...string[]];
    const { PATH = "" } = process.env;
    this.#child = spawn(command, args, { env: { PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => this.#child.once("close", (code, signal) => resolve(code ?? signal ?? "")));
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.ended;
  }
}

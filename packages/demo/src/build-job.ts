import { spawn, type ChildProcess } from "node:child_process";

export interface BuildResult {
  readonly ok: boolean;
  readonly code: number | null;
  readonly stdout: string;
  /** Both streams, in the order of their coming. */
  readonly output: string;
  readonly durationMs: number;
}

/** A build in processes of its own: a group, so that what it has started ends with it. */
export class BuildJob {
  /** Never rejects. */
  readonly done: Promise<BuildResult>;
  readonly #child: ChildProcess;
  #over = false;

  constructor(command: readonly string[], cwd: string) {
    const [program = "", ...args] = command;
    const since = performance.now();
    this.#child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"], detached: true });
    let stdout = "";
    let output = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      output += text;
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
    const killed = (): void => this.kill();
    process.once("exit", killed);
    this.done = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.#over = true;
        process.off("exit", killed);
        resolve({ ok: code === 0, code, stdout: stdout.trim(), output: output.trim(), durationMs: performance.now() - since });
      };
      this.#child.once("close", end);
      this.#child.once("error", (error) => {
        output += error.message;
        end(null);
      });
    });
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Ends it at once, with all that it has started. */
  kill(): void {
    const { pid } = this.#child;
    if (this.#over || pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // No process groups here (Windows), or it has just ended.
      this.#child.kill("SIGKILL");
    }
  }
}

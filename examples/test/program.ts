import { spawn, type ChildProcessByStdio } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { findRuntime, until } from "@memberlist/interop";

export type Kind = "node" | "deno" | "bun";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The program of a runtime; undefined if this machine does not have it. */
export function programOf(kind: Kind): string | undefined {
  return kind === "node" ? process.execPath : findRuntime(kind);
}

export function sourceOf(kind: Kind, example: string): string[] {
  return readFileSync(`${root}examples/${kind}/${example}.ts`, "utf8").split("\n");
}

/** The command in the first comment line of an example. */
export function commandOf(kind: Kind, example: string): string[] {
  const [first = ""] = sourceOf(kind, example);
  const [slashes, ...command] = first.split(" ");
  if (slashes !== "//" || command.length < 3) throw new Error(`examples/${kind}/${example}.ts does not begin with its command`);
  return command;
}

/** A running example, in a process of its own. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<number | null>;
  #output = "";
  #hasEnded = false;

  /** Runs the example by its own command, but on Node without the package manager, whose script has a test of its own. */
  constructor(kind: Kind, example: string, args: readonly string[]) {
    const [, ...given] = commandOf(kind, example);
    // A worker of Deno has to read its program.
    if (kind === "deno" && args.includes("--thread"))
      given.splice(1, 0, "--allow-read=packages,node_modules,examples/node_modules");
    const rest = kind === "node" ? ["scripts/run.mjs", "examples/node", example] : given;
    this.#child = spawn(programOf(kind) ?? kind, [...rest, ...args], { cwd: root, stdio: "pipe" });
    this.#ended = new Promise((resolve) => this.#child.once("close", (code) => resolve(code)).once("error", () => resolve(null)));
    this.#child.once("close", () => void (this.#hasEnded = true));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => void (this.#output += text));
    }
  }

  get output(): string {
    return this.#output;
  }

  /** The exit code, once the program ends by itself. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  /** Waits until the output matches. */
  async says(text: RegExp): Promise<RegExpExecArray> {
    const found = (): RegExpExecArray | null => {
      const match = text.exec(this.#output);
      if (match === null && this.#hasEnded) throw new Error(`the program ended before ${String(text)}\n${this.#output}`);
      return match;
    };
    return until(found, { what: String(text), timeout: 20_000, details: () => this.#output });
  }

  /** The options with which others join it, as it prints them. */
  async invitation(): Promise<string[]> {
    const [, address = "", key = ""] = await this.says(/--join (\S+) --key (\S+)\n/);
    return ["--join", address, "--key", key];
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Like Ctrl-C; returns the exit code. */
  stop(): Promise<number | null> {
    this.#child.kill("SIGINT");
    return this.#ended;
  }

  /** Like Ctrl-D; returns the exit code. */
  endInput(): Promise<number | null> {
    this.#child.stdin.end();
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundle } from "../../../scripts/bundle.mjs";

let built: Promise<string> | undefined;

/** Bundles the command line into one file, once for each test file. */
export function cliProgram(): Promise<string> {
  built ??= (async () => {
    const folder = mkdtempSync(join(tmpdir(), "memberlist-cli-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "memberlist.mjs");
    await Promise.all([
      bundle(new URL("../src/main.ts", import.meta.url), pathToFileURL(file)),
      // For agent --thread. Its name is the one of the published package, whose type is "module".
      bundle(new URL("../../transport-node/src/thread.ts", import.meta.url), pathToFileURL(join(folder, "memberlist-thread.js"))),
      writeFile(join(folder, "package.json"), '{ "type": "module" }'),
    ]);
    return file;
  })();
  return built;
}

export interface CliOptions {
  /** Variables in addition to the environment of this process without its key and label. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the program, such as one that enters a network namespace. */
  readonly enter?: readonly string[];
  readonly stdin?: string;
}

/** A run of the command line in its own process. */
export class CliRun implements AsyncDisposable {
  /** Resolves with the exit code, or the signal, once the process has ended. */
  readonly ended: Promise<number | string>;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;

  private constructor(program: string, args: readonly string[], { env, enter = [], stdin }: CliOptions) {
    const { MEMBERLIST_KEY: _key, MEMBERLIST_LABEL: _label, ...rest } = process.env;
    const [command, ...before] = [...enter, process.execPath, program] as unknown as [string, ...string[]];
    this.#child = spawn(command, [...before, ...args], {
      env: { ...rest, NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#child.stdin?.on("error", () => undefined).end(stdin ?? "");
    this.ended = new Promise((resolve) => this.#child.once("close", (code, signal) => resolve(code ?? signal ?? "")));
  }

  static async start(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
    return new CliRun(await cliProgram(), args, options);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** The lines of standard output, parsed as JSON. */
  get json(): readonly unknown[] {
    return this.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as unknown);
  }

  interrupt(signal: NodeJS.Signals = "SIGINT"): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.ended;
  }
}

export interface CliResult {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const run = await CliRun.start(args, options);
  return { code: await run.ended, stdout: run.stdout, stderr: run.stderr };
}

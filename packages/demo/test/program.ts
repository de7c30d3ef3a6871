import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { until } from "@memberlist/interop";
import type { DemoEvent } from "../src/demo-event.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const command = ["scripts/run.mjs", "--bin", "packages/interop/bin", "packages/demo/src/main.ts", "--json"];

/** The demonstration in a process of its own, from the sources, with `--json`. */
export class Program implements AsyncDisposable {
  readonly events: DemoEvent[] = [];
  /** The exit code, or the signal. */
  readonly ended: Promise<number | string | null>;
  readonly #child: ChildProcess;
  #stderr = "";

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [...command, ...args], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    if (this.#child.stdout === null || this.#child.stderr === null) throw new Error("no pipes");
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.events.push(JSON.parse(line) as DemoEvent));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    this.ended = new Promise((resolve) => this.#child.once("close", (code, signal) => resolve(code ?? signal)));
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The pids of all agents that it ever had. */
  get pids(): readonly number[] {
    return [...new Set(this.of("agent").map((event) => event.pid))];
  }

  of<Name extends DemoEvent["event"]>(name: Name): readonly (DemoEvent & { readonly event: Name })[] {
    return this.events.filter((event): event is DemoEvent & { readonly event: Name } => event.event === name);
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  /** Waits until it has reported something. */
  async reported<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    let over = false;
    const ended = this.ended.then(() => {
      over = true;
    });
    await until(() => over || find() !== undefined, { what, timeout: 60_000, details: () => this.#describe() });
    if (over) await ended;
    const found = find();
    if (found === undefined) throw new Error(`it ended before: ${what}\n${this.#describe()}`);
    return found;
  }

  /** Those of its agents' processes that are still there. */
  survivors(): readonly number[] {
    return this.pids.filter((pid) => isRunning(pid));
  }

  #describe(): string {
    const latest = this.events.slice(-10).map((event) => JSON.stringify(event));
    return [this.#stderr, ...latest].join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGTERM");
    await this.ended;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // One that was killed, and whose parent is gone too, may wait a while for the system to take note of it.
  return process.platform !== "linux" || !["Z", ""].includes(processState(pid));
}

/** As in /proc: "Z" for one that is dead but still listed; "" for one that is gone. */
function processState(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.charAt(stat.lastIndexOf(")") + 2);
  } catch {
    return "";
  }
}

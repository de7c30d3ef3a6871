import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";

const program = [
  fileURLToPath(new URL("../../../scripts/run.mjs", import.meta.url)),
  "--memory",
  fileURLToPath(new URL("../src/cli/sim.ts", import.meta.url)),
];
const timeout = 60_000;

/** All that it has started, and what that has. */
function childrenOf(pid: number): number[] {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  return [...pids, ...pids.flatMap((child) => childrenOf(child))];
}

function isWorker(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes("worker");
}

/** What it has computed, in s: to start takes some 0.3. */
function cpuOf(pid: number): number {
  const [, times = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, system] = times.split(" ").slice(11, 13).map(Number) as [number, number];
  return (user + system) / 100;
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

it.runIf(process.platform === "linux").each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
  ["SIGKILL", null],
] as const)("ends the CLI and its workers at %s, during any work", { timeout }, async (signal, code) => {
  const out = mkdtempSync(join(tmpdir(), "processes-"));
  // One run of so many takes a minute.
  const args = [...program, "lifeguard", "--agents", "500", "--jobs", "2", "--out", out];
  const runner = spawn(process.execPath, args, { stdio: "ignore" });
  const ended = once(runner, "exit");
  let children: number[] = [];
  try {
    await vi.waitFor(
      () => {
        children = childrenOf(runner.pid as number);
        expect(children.filter((pid) => isWorker(pid) && cpuOf(pid) > 1)).toHaveLength(2);
      },
      { timeout: 25_000 },
    );
    runner.kill(signal);
    expect(await ended).toEqual(code === null ? [null, signal] : [code, null]);
    await vi.waitFor(() => expect(children.filter((pid) => isRunning(pid))).toEqual([]), { timeout: 20_000 });
  } finally {
    for (const pid of [runner.pid as number, ...children]) if (isRunning(pid)) process.kill(pid, "SIGKILL");
    rmSync(out, { recursive: true });
  }
});

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const program = [
  fileURLToPath(new URL("../../../scripts/run.mjs", import.meta.url)),
  "--memory",
  fileURLToPath(new URL("../src/cli/sim.ts", import.meta.url)),
];

async function traceOf(seed: number): Promise<string> {
  const args = [...program, "run", "--nodes", "12", "--seconds", "20", "--seed", String(seed)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  const { trace } = JSON.parse(stdout) as { readonly trace: string };
  return trace;
}

test(
  "repeats a run for a seed, byte for byte, in separate processes, and differs for another seed",
  { timeout: 180_000 },
  async () => {
    const first = await traceOf(7);
    expect(await traceOf(7)).toBe(first);
    expect(await traceOf(8)).not.toBe(first);
  },
);

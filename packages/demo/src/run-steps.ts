import { epochMs } from "@memberlist/interop";
import type { Cluster } from "./cluster.ts";
import type { Sighting, StepResult, Report } from "./demo-event.ts";
import type { Step } from "./steps.ts";

export interface RunOptions {
  readonly report: Report;
  /** Ends the run. */
  readonly signal: AbortSignal;
  /** Deadlines are multiplied by this. */
  readonly deadlineScale: number;
}

/** Runs one step after the other until one fails. @returns what came of each, the skipped ones too */
export async function runSteps(cluster: Cluster, steps: readonly Step[], options: RunOptions): Promise<readonly StepResult[]> {
  const { report, signal } = options;
  const results: StepResult[] = [];
  let failed = false;
  for (const step of steps) {
    const { name, title } = step;
    if (failed || signal.aborted) {
      results.push({ step: name, status: "skipped", durationMs: 0 });
      continue;
    }
    const since = epochMs();
    report({ event: "step", at: since, step: name, title, status: "started" });
    try {
      const seen = await within(cluster, step, options);
      const at = epochMs();
      results.push({ step: name, status: "passed", durationMs: at - since });
      report({ event: "step", at, step: name, title, status: "passed", durationMs: at - since, seen });
    } catch (error) {
      failed = true;
      const at = epochMs();
      const reason = error instanceof Error ? error.message : String(error);
      results.push({ step: name, status: "failed", durationMs: at - since });
      report({ event: "step", at, step: name, title, status: "failed", durationMs: at - since, reason });
    } finally {
      cluster.stopWaiting();
    }
  }
  return results;
}

/** What the step gives, unless the deadline, an interruption or the end of an agent comes first. */
async function within(cluster: Cluster, step: Step, { signal, deadlineScale }: RunOptions): Promise<readonly Sighting[]> {
  const deadline = step.deadline * deadlineScale;
  const over = new AbortController();
  const tooLate = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(() => {
      const missing = cluster.missing;
      reject(new Error(`not done in ${deadline} ms${missing.length > 0 ? `: ${missing.join(", ")}` : ""}`));
    }, deadline);
    over.signal.addEventListener("abort", () => clearTimeout(timer));
  });
  const interrupted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("interrupted")), { signal: over.signal });
  });
  try {
    return await Promise.race([step.run(), tooLate, interrupted, cluster.failed]);
  } finally {
    over.abort();
  }
}

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { epochMs, toBase64, type PeerConfig } from "@memberlist/interop";
import type { AgentPlan } from "./agent.ts";
import { Cluster } from "./cluster.ts";
import type { StepResult, Report } from "./demo-event.ts";
import type { Interruption } from "./interruption.ts";
import type { DemoOptions } from "./options.ts";
import { runSteps } from "./run-steps.ts";
import { demoSteps, firstMeta } from "./steps.ts";

/**
 * What all agents share: the library's preset for one machine, but twice as fast to find a failure, and with more repetitions,
 * because a user broadcast (other than membership) is not repeated by push/pull.
 */
export const sharedConfig: Readonly<Partial<PeerConfig>> = {
  preset: "local",
  probeInterval: 500,
  probeTimeout: 200,
  suspicionMult: 3,
  suspicionMaxTimeoutMult: 6,
  gossipInterval: 100,
  gossipNodes: 4,
  retransmitMult: 4,
  rebroadcast: true,
  label: "example", // that of the examples, so that they can join
};

/** Runs the whole demonstration. @returns the exit code */
export async function runDemo(options: DemoOptions, report: Report, interruption: Interruption): Promise<number> {
  const since = epochMs();
  const plans = planAgents(options);
  const go = plans.find((plan) => plan.kind === "go")?.config.name;
  const agents = plans.map((plan) => plan.config.name);
  report({ event: "begin", at: since, agents, config: sharedConfig, ...(go !== undefined && { go }) });
  if (go === undefined) report({ event: "note", at: epochMs(), text: `no Go peer, all agents are Node: ${whyNoGo(options)}` });

  const { signal } = interruption;
  const cluster = new Cluster(plans, report);
  try {
    const steps = await runSteps(cluster, demoSteps(cluster), { report, signal, deadlineScale: options.deadlineScale });
    const failed = steps.find((step) => step.status === "failed");
    const keeps = options.keep && failed === undefined;
    summarize(steps, since, keeps, signal.aborted, report);
    if (keeps) await keep(cluster, report, signal);
    // Ctrl-C is how a kept cluster ends: that is not a failure.
    if (keeps && interruption.isOrderly) return 0;
    return interruption.exitCode === 0 && failed !== undefined ? 1 : interruption.exitCode;
  } finally {
    await cluster.stop();
  }
}

/** Where the TypeScript agent's program is: as given, else as built. */
export function nodeCommand({ nodeProgram, thread }: DemoOptions): readonly string[] {
  const program = nodeProgram ?? fileURLToPath(new URL("node-peer.js", import.meta.resolve("@memberlist/interop")));
  return [process.execPath, program, ...(thread ? ["--thread"] : [])];
}

/** The program of the Go peer, if the run has one. */
function goCommand({ noGo, goProgram }: DemoOptions): readonly string[] | undefined {
  return noGo || goProgram === undefined || !existsSync(goProgram) ? undefined : [goProgram];
}

function planAgents(options: DemoOptions): readonly AgentPlan[] {
  const go = goCommand(options);
  return Array.from({ length: options.agents }, (_, index) => {
    const isGo = go !== undefined && index === options.agents - 1;
    const config = { ...sharedConfig, name: `${isGo ? "go" : "node"}-${index + 1}`, meta: toBase64(firstMeta) };
    return { kind: isGo ? "go" : "node", command: isGo ? go : nodeCommand(options), config };
  });
}

function whyNoGo({ noGo, withoutGo }: DemoOptions): string {
  if (noGo) return "--no-go";
  return withoutGo ?? "none was given (start builds it)";
}

function summarize(steps: readonly StepResult[], since: number, keeps: boolean, interrupted: boolean, report: Report): void {
  const at = epochMs();
  const failed = steps.find((step) => step.status === "failed")?.step;
  report({
    event: "summary",
    at,
    ok: failed === undefined && !interrupted,
    durationMs: at - since,
    steps,
    keeps,
    ...(failed !== undefined && { failed }),
    ...(interrupted && { interrupted }),
  });
}

async function keep(cluster: Cluster, report: Report, signal: AbortSignal): Promise<void> {
  const addresses = cluster.running.map((agent) => agent.address);
  report({ event: "keep", at: epochMs(), addresses, command: `npx -y pnpm@12 start --join ${addresses[0] ?? ""}` });
  await aborted(signal);
  report({ event: "note", at: epochMs(), text: "stopping the agents" });
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

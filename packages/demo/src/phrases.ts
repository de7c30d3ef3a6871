import type { PeerConfig } from "@memberlist/interop";
import type { BeginEvent, KeepEvent, Sighting, StepEvent, StepResult, SummaryEvent } from "./demo-event.ts";
import { fold, formatDuration, pad, padStart, type Paint, type Style } from "@memberlist/cli/internal";

/** What both views for people say in the same words. */

const ticks: Readonly<Record<StepEvent["status"] | StepResult["status"], readonly [Style, string]>> = {
  passed: ["green", "✓"],
  failed: ["red", "✗"],
  started: ["cyan", "●"],
  skipped: ["dim", "○"],
};

export function tick(status: StepEvent["status"] | StepResult["status"], paint: Paint): string {
  return paint(...ticks[status]);
}

export function beginLines({ agents, go, config }: BeginEvent, paint: Paint, columns: number): readonly string[] {
  const many = agents.length === 1 ? "one agent" : `${agents.length} agents, each a process of its own,`;
  const which = go === undefined ? "" : `; ${go} is the Go peer`;
  return [
    ...fold([paint("bold", pad("memberlist", 11)), ...`${many} on 127.0.0.1${which}`.split(" ")], columns, " ".repeat(12), " "),
    ...labelled("config", configWords(config), paint, columns),
    ...labelled("suspicion", suspicionWords(agents.length, config), paint, columns),
  ];
}

function labelled(label: string, words: readonly string[], paint: Paint, columns: number): readonly string[] {
  return words.length === 0 ? [] : fold([paint("dim", pad(label, 11)), ...words], columns, " ".repeat(12), " ");
}

function configWords(config: Partial<PeerConfig>): readonly string[] {
  const words = Object.entries(config).map(([field, value]) => {
    const shown = typeof value === "string" ? value : JSON.stringify(value);
    return `${field} ${shown}${/(Interval|Timeout|Time)$/.test(field) ? " ms" : ""}`;
  });
  return words.map((word, index) => (index < words.length - 1 ? `${word},` : word));
}

/** How long a suspect has to contradict (PROTOCOL.md section 5), where the config says it. */
function suspicionWords(n: number, config: Partial<PeerConfig>): readonly string[] {
  const { suspicionMult, suspicionMaxTimeoutMult, probeInterval } = config;
  if (suspicionMult === undefined || suspicionMaxTimeoutMult === undefined || probeInterval === undefined || n < 4) return [];
  const min = suspicionMult * Math.max(1, Math.log10(n)) * probeInterval;
  const max = min * suspicionMaxTimeoutMult;
  return `a suspect has ${formatDuration(max)} to contradict, and down to ${formatDuration(min)} once others suspect it too`.split(
    " ",
  );
}

/** "  suspect  node-1   612 ms   node-2   1.2 s", folded. */
export function sightingLines({ what, after }: Sighting, paint: Paint, columns: number): readonly string[] {
  const names = Math.max(...Object.keys(after).map((agent) => agent.length));
  const cells = Object.entries(after).map(([agent, ms]) => {
    const time = ms === undefined ? "–" : formatDuration(ms);
    return `${paint("dim", pad(agent, names))} ${padStart(time, 7)}`;
  });
  return fold([`      ${pad(what, 9)}`, ...cells], columns, " ".repeat(17), "  ");
}

export function reasonLines(reason: string, paint: Paint): readonly string[] {
  return reason
    .split("\n")
    .slice(0, 12)
    .map((line, index) => `      ${paint(index === 0 ? "red" : "dim", line)}`);
}

export function summaryLine({ ok, durationMs, steps, failed, interrupted }: SummaryEvent, paint: Paint): string {
  if (interrupted) return paint("yellow", `interrupted after ${formatDuration(durationMs)}`);
  if (ok) return paint("green", `all ${steps.length} steps passed in ${formatDuration(durationMs)}`);
  return paint("red", `failed after ${formatDuration(durationMs)}, at the step: ${failed ?? "none"}`);
}

export function keepLines({ addresses, command }: KeepEvent, paint: Paint, columns: number): readonly string[] {
  return [
    "The cluster goes on running until Ctrl-C. It can be joined at any of",
    ...fold([" ", ...addresses.map((address) => paint("bold", address))], columns, "   ", "  "),
    "for example by one more agent, from another terminal in this folder:",
    `  ${paint("bold", command)}`,
  ];
}

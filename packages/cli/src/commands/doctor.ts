import { escapeControls } from "@memberlist/core/internal";
import { diagnose } from "../doctor/diagnose.ts";
import { Examiner, type ExaminerOptions } from "../doctor/examiner.ts";
import type { Examination } from "../doctor/examination.ts";
import { diagnoseAgent, examineAgents } from "../doctor/agents.ts";
import { sortFindings, type Finding, type Severity } from "../doctor/finding.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { fold, rounded, type Style } from "../terminal/text.ts";

export interface DoctorRequest extends Omit<ExaminerOptions, "progress"> {
  readonly seeds: readonly string[];
  readonly json: boolean;
  /** The URLs of agents. */
  readonly agents: readonly string[];
  readonly token: string | undefined;
}

const marks: Readonly<Record<Severity, readonly [Style, string]>> = {
  error: ["red", "✗"],
  warning: ["yellow", "!"],
  info: ["cyan", "i"],
};

/** `memberlist doctor`: examines a cluster from outside. The most serious finding decides the exit code. */
export async function runDoctor(request: DoctorRequest, runtime: Runtime, io: Io): Promise<number> {
  const progress = (line: string): void => {
    if (!request.json) io.note(escapeControls(line));
  };
  const { agents, token, seeds } = request;
  const [checks, examination] = await examineAgents(agents, token, () =>
    new Examiner({ ...request, progress }, runtime).examine(seeds),
  );
  const findings = sortFindings([...diagnose(examination), ...checks.flatMap(diagnoseAgent)]);
  if (request.json) io.json({ ...summary(examination), findings });
  else printFindings(examination, findings, io);
  if (findings.some(({ severity }) => severity === "error")) return exitCodes.errors;
  return findings.some(({ severity }) => severity === "warning") ? exitCodes.warnings : exitCodes.ok;
}

function summary({ members, pairsTried, gone, leftOut }: Examination): object {
  const roundTrips = members.map(({ node, pings }) => {
    const answered = pings.flatMap(({ rtt }) => (rtt === undefined ? [] : [rtt]));
    return {
      name: node.name,
      state: node.state,
      rtt: answered.length === 0 ? null : rounded(Math.min(...answered)),
      lost: pings.length - answered.length,
    };
  });
  return { members: roundTrips, pairsTried, gone: gone.length, leftOut };
}

function printFindings({ members, pairsTried }: Examination, findings: readonly Finding[], io: Io): void {
  const width = Math.min(io.columns, 100);
  for (const { code, severity, message, advice } of findings) {
    const mark = io.paint(...marks[severity]);
    const head = [mark, ...escapeControls(message).split(" "), io.paint("dim", `[${code}]`)];
    for (const line of fold(head, width, "  ", " ")) io.line(line);
    for (const line of fold(["  →", ...escapeControls(advice).split(" ")], width, "    ", " ")) io.line(io.paint("dim", line));
  }
  if (findings.length > 0) io.line();
  const tested = `${members.length} ${members.length === 1 ? "member" : "members"} tested by UDP and TCP, ${pairsTried} ${pairsTried === 1 ? "pair" : "pairs"} of them by UDP`;
  const problems = findings.filter(({ severity }) => severity !== "info").length;
  io.line(
    problems === 0
      ? `${io.paint("green", "✓")} ${tested}: no problems found`
      : `${tested}: ${problems} ${problems === 1 ? "finding" : "findings"}`,
  );
}

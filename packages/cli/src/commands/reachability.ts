import { MemberlistError } from "@memberlist/core";
import { escapeControls } from "@memberlist/core/internal";
import type { ClusterAccess } from "../cluster-options.ts";
import { Examiner } from "../doctor/examiner.ts";
import type { Examination } from "../doctor/examination.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Runtime } from "../runtime.ts";
import type { Io } from "../terminal/io.ts";
import { tableLines, type Column } from "../terminal/table.ts";
import type { Style } from "../terminal/text.ts";

export interface ReachabilityRequest extends ClusterAccess {
  readonly seed: string;
  readonly json: boolean;
}

/** Whether packets pass from a member, or from this machine, to a member. */
type Reach = "ok" | "blocked" | "unknown";

interface Row {
  readonly from: string;
  readonly to: ReadonlyMap<string, Reach>;
}

const styles: Readonly<Record<Reach, Style>> = { ok: "green", blocked: "red", unknown: "dim" };
const here = "(here)";

/** `memberlist reachability`: prints which members get packets from which. */
export async function showReachability(request: ReachabilityRequest, runtime: Runtime, io: Io): Promise<number> {
  const { seed, json, keyring, label } = request;
  const progress = (line: string): void => (json ? undefined : io.note(escapeControls(line)));
  const options = { keyring, label, duration: 1_000, timeout: 5_000, maxMembers: 25, progress };
  const examination = await new Examiner(options, runtime).examine([seed]);
  const [failed] = examination.seeds.flatMap(({ stream }) => ("view" in stream ? [] : [stream]));
  if (failed !== undefined) throw new MemberlistError(failed.code, failed.message);
  const rows = reachRows(examination);
  const names = rows.map(({ from }) => from).filter((name) => name !== here);
  if (json) for (const { from, to } of rows) io.json({ from: from === here ? null : from, to: Object.fromEntries(to) });
  else printTable(rows, names, examination, io);
  const isBlocked = rows.some(({ to }) => [...to.values()].includes("blocked"));
  return isBlocked ? exitCodes.errors : exitCodes.ok;
}

function reachRows({ members, pairs }: Examination): readonly Row[] {
  const answering = new Set(
    members.filter(({ pings }) => pings.some(({ rtt }) => rtt !== undefined)).map(({ node }) => node.name),
  );
  const blocked = new Map(
    pairs.flatMap(({ first, second, forward, back }) => [
      [`${first}\n${second}`, forward],
      [`${second}\n${first}`, back],
    ]),
  );
  const reach = (passes: boolean | undefined): Reach => (passes === undefined ? "unknown" : passes ? "ok" : "blocked");
  const names = members.map(({ node }) => node.name);
  const between = (from: string, to: string): Reach => {
    if (!answering.has(from) || !answering.has(to)) return "unknown";
    const key = `${from}\n${to}`;
    return blocked.has(key) ? reach(blocked.get(key)) : "ok";
  };
  return [
    {
      from: here,
      to: new Map(
        members.map(({ node, isReached }) => [node.name, answering.has(node.name) || isReached === true ? "ok" : "blocked"]),
      ),
    },
    ...names.map((from) => ({ from, to: new Map(names.filter((to) => to !== from).map((to) => [to, between(from, to)])) })),
  ];
}

function printTable(rows: readonly Row[], names: readonly string[], { leftOut }: Examination, io: Io): void {
  const columns: readonly Column<Row>[] = [
    { title: "FROM / TO", cell: ({ from }) => escapeControls(from), keep: 0, cutTo: 8 },
    ...names.map((name, i) => ({
      title: escapeControls(name),
      cell: ({ to }: Row) => to.get(name) ?? "",
      style: ({ to }: Row): Style | undefined => styles[to.get(name) ?? "unknown"],
      keep: names.length - i,
    })),
  ];
  for (const line of tableLines(rows, columns, io.columns, io.paint)) io.line(line);
  if (leftOut > 0) io.line(io.paint("dim", `${leftOut} more members are not shown`));
}

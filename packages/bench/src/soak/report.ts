import type { GrowthVerdict } from "./heap-growth.ts";
import type { ClassGrowth } from "./heap-snapshot.ts";
import type { SoakMark } from "./soak-task.ts";

const rowsMax = 15;
const nameMax = 40;

/** Columns of ten characters each. */
export function cells(values: readonly string[]): string {
  return values.map((value) => value.padStart(10)).join("");
}

export function sampleHeader(members: number): string[] {
  const heaps = Array.from({ length: members }, (_, index) => `heap ${index + 1}`);
  return ["minute", ...heaps, "mean MB", "code", "external", "members", "sent", "received", "reliable", "updates", "failed"];
}

/** Heaps, code and buffers in MB, the last two of each member on average; counts are sums of all members. */
export function sampleRow(minute: number, marks: readonly SoakMark[]): string[] {
  const sum = (of: (mark: SoakMark) => number): number => marks.reduce((total, mark) => total + of(mark), 0);
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(3);
  return [
    minute.toFixed(1),
    ...marks.map(({ heap }) => mb(heap)),
    mb(sum(({ heap }) => heap) / marks.length),
    mb(sum(({ code }) => code) / marks.length),
    mb(sum(({ external }) => external) / marks.length),
    String(Math.min(...marks.map(({ members }) => members))),
    ...(["broadcasts", "received", "reliable", "updates", "failures"] as const).map((what) => String(sum((mark) => mark[what]))),
  ];
}

/** What grew most, by constructor. */
export function growthTable(grown: readonly ClassGrowth[]): string {
  const rows = grown.slice(0, rowsMax).map(({ name, count, size }) => {
    const short = name.length > nameMax ? `${name.slice(0, nameMax - 1)}…` : name;
    return `${short.padEnd(nameMax)}${cells([signed(count), `${(size / 1e3).toFixed(1)} kB`])}`;
  });
  const title = `${"what grew since the first snapshot, by constructor".padEnd(nameMax)}${cells(["objects", "size"])}`;
  return [`${title} (of each member, on average)`, ...(rows.length === 0 ? ["nothing"] : rows)].join("\n");
}

/** One line for each member, and what else went wrong. */
export function verdictLines(verdicts: readonly GrowthVerdict[], marks: readonly SoakMark[], members: number): string[] {
  const lines = verdicts.map(({ growth, allowed, passed }, index) => {
    const verdict = passed ? "ok" : "GROWS";
    return `member ${index + 1}: ${signed(growth, 3)} MB since the warm-up by least squares, less than ${allowed.toFixed(3)} is allowed: ${verdict}`;
  });
  const missing = marks.filter((mark) => mark.members !== members).length;
  return missing === 0 ? lines : [...lines, `${missing} members do not see all ${members}: FAILED`];
}

function signed(value: number, digits = 0): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(digits)}`;
}

/** The part of Stryker's JSON report that is read here (mutation-testing-report-schema). */
export interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

interface Mutant {
  readonly status: string;
  readonly replacement?: string;
  readonly location: { readonly start: Position; readonly end: Position };
}

/** Both count from 1. */
interface Position {
  readonly line: number;
  readonly column: number;
}

/** Why mutants of one line need no test. Lines have no numbers here, so that changes elsewhere in the file do not matter. */
export interface Explanation {
  /** Below `src`. */
  readonly file: string;
  /** The first line that the mutants change, without indentation. */
  readonly line: string;
  /** What the mutants make of it, in one line. */
  readonly becomes: readonly string[];
  readonly reason: string;
}

export interface Verdict {
  readonly killed: number;
  /** Survivors that are explained. */
  readonly explained: number;
  /** Survivors that are not, in the form of the list, with where they are. */
  readonly unexplained: readonly (Pick<Explanation, "file" | "line"> & { readonly becomes: string; readonly at: number })[];
  /** Explained mutants that are killed, or no longer there. */
  readonly stale: readonly Explanation[];
  /** Killed mutants out of all, in percent. */
  readonly score: number;
}

const killed: ReadonlySet<string> = new Set(["Killed", "Timeout"]);
const survived: ReadonlySet<string> = new Set(["Survived", "NoCoverage"]);

/** Compares what survived with what the list explains. Files that the report does not have are not judged. */
export function judge(report: Report, explanations: readonly Explanation[]): Verdict {
  const used = new Set<string>();
  const explainedBecomes = new Set(
    explanations.flatMap(({ file, line, becomes }) => becomes.map((text) => key(file, line, text))),
  );
  const unexplained: Verdict["unexplained"][number][] = [];
  const files = new Set<string>();
  let killedCount = 0;
  let explained = 0;
  for (const [path, { source, mutants }] of Object.entries(report.files)) {
    const file = path.replace(/^src\//, "");
    const lines = source.split("\n");
    files.add(file);
    for (const mutant of mutants) {
      if (killed.has(mutant.status)) killedCount++;
      if (!survived.has(mutant.status)) continue;
      const { line, becomes } = changeOf(lines, mutant);
      const id = key(file, line, becomes);
      if (explainedBecomes.has(id)) explained++;
      else unexplained.push({ file, line, becomes, at: mutant.location.start.line });
      used.add(id);
    }
  }
  const stale = explanations
    .filter(({ file }) => files.has(file))
    .map((explanation) => {
      const { file, line, becomes } = explanation;
      return { ...explanation, becomes: becomes.filter((text) => !used.has(key(file, line, text))) };
    })
    .filter(({ becomes }) => becomes.length > 0);
  const total = killedCount + explained + unexplained.length;
  return { killed: killedCount, explained, unexplained, stale, score: total === 0 ? 100 : (100 * killedCount) / total };
}

/** The line that a mutant changes, and what it makes of it and of the lines after it. */
function changeOf(
  lines: readonly string[],
  { location: { start, end }, replacement = "" }: Mutant,
): { line: string; becomes: string } {
  const first = lines[start.line - 1] ?? "";
  const last = lines[end.line - 1] ?? "";
  const becomes = first.slice(0, start.column - 1) + replacement + last.slice(end.column - 1);
  return { line: first.trim(), becomes: becomes.trim().replaceAll(/\s+/g, " ") };
}

function key(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}

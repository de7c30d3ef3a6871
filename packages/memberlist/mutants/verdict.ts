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
  /** Which of the file's equal lines, from 1 on; absent if the line is unique. */
  readonly nth?: number;
  /** What the mutants make of it, in one line. */
  readonly becomes: readonly string[];
  readonly reason: string;
}

export interface Verdict {
  readonly killed: number;
  /** Survivors that are explained. */
  readonly explained: number;
  /** Survivors that are not, in the form of the list, with where they are. */
  readonly unexplained: readonly (Pick<Explanation, "file" | "line" | "nth"> & {
    readonly becomes: string;
    readonly at: number;
  })[];
  /** Explained mutants that are killed, or that Stryker does not make any more. */
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
    explanations.flatMap((explanation) => explanation.becomes.map((text) => key(explanation, text))),
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
      const at = mutant.location.start.line;
      const { line, becomes } = changeOf(lines, mutant);
      const place = { file, line, ...nthOf(lines, at) };
      const id = key(place, becomes);
      if (explainedBecomes.has(id)) explained++;
      else unexplained.push({ ...place, becomes, at });
      used.add(id);
    }
  }
  const stale = explanations
    .filter(({ file }) => files.has(file))
    .map((explanation) => ({
      ...explanation,
      becomes: explanation.becomes.filter((text) => !used.has(key(explanation, text))),
    }))
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

/** Which of the lines that read as the one with this number it is; nothing where it is the only one. */
function nthOf(lines: readonly string[], at: number): { nth?: number } {
  const line = lines[at - 1]?.trim();
  const isEqual = (other: string): boolean => other.trim() === line;
  if (lines.filter(isEqual).length < 2) return {};
  return { nth: lines.slice(0, at).filter(isEqual).length };
}

function key({ file, line, nth }: Pick<Explanation, "file" | "line" | "nth">, becomes: string): string {
  return JSON.stringify([file, line, nth ?? 0, becomes]);
}

/**
 * The errors of the list that show without a mutation run: explanations whose line is missing from its file, or that do not say which of
 * several equal lines they mean.
 *
 * @param sourceOf the content of a file below `src`; undefined if the file is missing
 */
export function misplaced(
  explanations: readonly Explanation[],
  sourceOf: (file: string) => string | undefined,
): readonly string[] {
  return explanations.flatMap(({ file, line, nth }) => {
    const wrong = (what: string): string[] => [`${file}: ${line}: ${what}`];
    const source = sourceOf(file);
    if (source === undefined) return wrong("the file is missing");
    const count = source.split("\n").filter((other) => other.trim() === line).length;
    if (count === 0) return wrong("the line is missing");
    if (count === 1) return nth === undefined ? [] : wrong("the line is unique: leave out nth");
    if (nth === undefined) return wrong(`the file has the line ${count} times: set nth`);
    return Number.isInteger(nth) && nth >= 1 && nth <= count ? [] : wrong(`the file has the line ${count} times: nth is ${nth}`);
  });
}

import { describe, expect, it } from "vitest";
import { judge, misplaced, type Explanation, type Report } from "../mutants/verdict.ts";

const source = ["function half(n: number): number {", "  if (n > 10) return n / 2;", "  return n;", "}", ""].join("\n");

function mutant(status: string, from: [number, number], to: [number, number], replacement: string) {
  const [line, column] = from;
  return { status, replacement, location: { start: { line, column }, end: { line: to[0], column: to[1] } } };
}

const killed = mutant("Killed", [2, 7], [2, 13], "true");
const survivor = mutant("Survived", [2, 7], [2, 13], "n >= 10");
const report = (...mutants: ReturnType<typeof mutant>[]): Report => ({ files: { "src/swim/half.ts": { source, mutants } } });
const explanation: Explanation = {
  file: "swim/half.ts",
  line: "if (n > 10) return n / 2;",
  becomes: ["if (n >= 10) return n / 2;"],
  reason: "nobody asks for 10",
};

describe("the verdict on a mutation run", () => {
  it("names a survivor without an explanation by its line and its mutation", () => {
    expect(judge(report(killed, survivor), [])).toEqual({
      killed: 1,
      explained: 0,
      unexplained: [{ file: "swim/half.ts", line: explanation.line, becomes: explanation.becomes[0], at: 2 }],
      stale: [],
      score: 50,
    });
  });

  it("takes a mutant that no test runs for a survivor, one that runs out of time for a killed one, and leaves out ignored ones", () => {
    const of = (status: string) => ({ ...survivor, status });
    expect(judge(report(of("NoCoverage")), []).unexplained).toHaveLength(1);
    expect(judge(report(of("Timeout"), of("Ignored")), [])).toMatchObject({ killed: 1, score: 100, unexplained: [] });
  });

  it("accepts an explained survivor wherever its line has moved, and counts it as not killed", () => {
    const moved: Report = {
      files: {
        "src/swim/half.ts": { source: `\n\n${source}`, mutants: [mutant("Survived", [4, 7], [4, 13], "n >= 10")] },
      },
    };
    expect(judge(moved, [explanation])).toMatchObject({ explained: 1, unexplained: [], stale: [], score: 0 });
  });

  it("does not accept another mutant of an explained line, or the same line of another file", () => {
    const other = mutant("Survived", [2, 7], [2, 13], "false");
    expect(judge(report(other), [explanation]).unexplained).toHaveLength(1);
    expect(judge(report(survivor), [{ ...explanation, file: "swim/third.ts" }]).unexplained).toHaveLength(1);
  });

  it("reports an explanation that explains no survivor, unless its file was not run", () => {
    expect(judge(report(killed), [explanation]).stale).toEqual([explanation]);
    expect(judge(report(killed), [{ ...explanation, file: "swim/third.ts" }]).stale).toEqual([]);
    const half = { ...explanation, becomes: [...explanation.becomes, "if (true) return n / 2;"] };
    expect(judge(report(killed, survivor), [half]).stale).toEqual([{ ...half, becomes: ["if (true) return n / 2;"] }]);
  });

  it("shows a mutant that takes in several lines as one line", () => {
    const empty = mutant("Survived", [1, 34], [4, 2], "{}");
    expect(judge(report(empty), []).unexplained).toEqual([
      {
        file: "swim/half.ts",
        line: "function half(n: number): number {",
        becomes: "function half(n: number): number {}",
        at: 1,
      },
    ]);
  });

  it("distinguishes two equal lines by their order", () => {
    const twice = [
      "function half(n: number): number {",
      "  if (n > 10) return n / 2;",
      "  n++;",
      "  if (n > 10) return n / 2;",
      "}",
      "",
    ].join("\n");
    const of = (line: number) => mutant("Survived", [line, 7], [line, 13], "n >= 10");
    const both: Report = { files: { "src/swim/half.ts": { source: twice, mutants: [of(2), of(4)] } } };
    const second = { ...explanation, nth: 2 };
    expect(judge(both, [second])).toMatchObject({
      explained: 1,
      stale: [],
      unexplained: [{ line: explanation.line, nth: 1, at: 2 }],
    });
    expect(judge(both, [explanation])).toMatchObject({ explained: 0, stale: [explanation] });
  });
});

describe("the check of the list without a mutation run", () => {
  const sourceOf = (file: string): string | undefined =>
    file === "swim/half.ts" ? `${source}\n  // twice\n// twice\n` : undefined;
  const of = (fields: Partial<Explanation>): readonly string[] => misplaced([{ ...explanation, ...fields }], sourceOf);

  it("accepts lines that stand in their files", () => {
    expect(of({})).toEqual([]);
    expect(of({ line: "// twice", nth: 2 })).toEqual([]);
  });

  it.each<[Partial<Explanation>, RegExp]>([
    [{ file: "swim/third.ts" }, /the file is missing/],
    [{ line: "return m;" }, /the line is missing/],
    [{ line: "  return n;" }, /the line is missing/],
    [{ nth: 1 }, /leave out nth/],
    [{ line: "// twice" }, /2 times: set nth/],
    [{ line: "// twice", nth: 3 }, /nth is 3/],
    [{ line: "// twice", nth: 0 }, /nth is 0/],
  ])("reports an explanation with %o", (fields, problem) => {
    expect(of(fields)).toEqual([expect.stringMatching(problem)]);
  });
});

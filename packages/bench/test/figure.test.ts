import { describe, expect, it } from "vitest";
import { Figures, figureTable, medianOf, worstOf } from "../src/figure.ts";

function some(): Figures {
  const figures = new Figures();
  for (const value of [3, 1, 2]) figures.add("time", "ms", "node", value);
  figures.add("time", "ms", "go", 4);
  figures.add("alone", "µs", "node", 12.345);
  return figures;
}

describe("a set of figures", () => {
  it("keeps the samples of each kind, in the order in which they were first measured", () => {
    expect(some().list()).toEqual([
      { what: "time", unit: "ms", samples: { node: [3, 1, 2], go: [4] } },
      { what: "alone", unit: "µs", samples: { node: [12.345] } },
    ]);
  });

  it("computes a median and a worst round, or none", () => {
    const list = some().list();
    expect(medianOf(list, "time", "node")).toBe(2);
    expect(worstOf(list, "time", "node")).toBe(3);
    expect(medianOf(list, "alone", "go")).toBeNaN();
    expect(worstOf(list, "else", "node")).toBeNaN();
  });

  it("adds columns and a ratio for each further kind", () => {
    const figures = some();
    figures.add("time", "ms", "rust", 1);
    const [head, , time] = figureTable(figures.list(), [
      ["node", "node"],
      ["go", "Go"],
      ["rust", "Rust"],
    ]).split("\n");
    expect(head).toMatch(/node +\| range +\| Go +\| range +\| Rust +\| range +\| node \/ Go +\| node \/ Rust/);
    expect(time).toMatch(/2\.00 \| 1\.00-3\.00 \| 4\.00 \| +\| 1\.00 +\| +\| 0\.50 +\| 2\.00/);
  });

  it("prints a table with the ratio of the medians", () => {
    const [, , time, alone] = figureTable(some().list(), [
      ["node", "node"],
      ["go", "Go"],
    ]).split("\n");
    expect(time).toMatch(/time +\| ms +\| 2\.00 \| 1\.00-3\.00 \| 4\.00 \| +\| 0\.50/);
    expect(alone).toMatch(/alone +\| µs +\| 12\.3 +\| +\| - +\| +\| -/);
  });
});

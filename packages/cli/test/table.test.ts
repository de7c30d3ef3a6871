import { describe, expect, it } from "vitest";
import { tableLines, type Column } from "../src/terminal/table.ts";
import { painter, width } from "../src/terminal/text.ts";

interface Row {
  readonly name: string;
  readonly state: string;
  readonly meta: string;
}

const rows: readonly Row[] = [
  { name: "web-1", state: "alive", meta: "role=web zone=eu-west-1a" },
  { name: "データベース", state: "dead", meta: "" },
];
const columns: readonly Column<Row>[] = [
  { title: "NAME", cell: ({ name }) => name, keep: 0, cutTo: 4 },
  { title: "STATE", cell: ({ state }) => state, keep: 1, style: ({ state }) => (state === "dead" ? "red" : undefined) },
  { title: "META", cell: ({ meta }) => meta, keep: 2, cutTo: 8 },
];
const plain = painter(false);

describe("tableLines", () => {
  it("aligns columns with wide characters", () => {
    expect(tableLines(rows, columns, 80, plain)).toEqual([
      "NAME          STATE  META",
      "web-1         alive  role=web zone=eu-west-1a",
      "データベース  dead",
    ]);
  });

  it("formats more rows than a function can take arguments", () => {
    const many = Array.from({ length: 200_000 }, () => ({ name: "n", state: "alive", meta: "" }));
    const [name] = columns;
    expect(tableLines(many, name === undefined ? [] : [name], 80, plain)).toHaveLength(200_001);
  });

  it("cuts columns, then leaves out the least important ones, and never exceeds the width of the terminal", () => {
    expect(tableLines(rows, columns, 40, plain)[1]).toBe("web-1         alive  role=web zone=eu-w…");
    expect(tableLines(rows, columns, 20, plain)).toEqual(["NAME        META", "web-1       role=we…", "データベ…"]);
    for (let limit = 1; limit < 60; limit++) {
      for (const line of tableLines(rows, columns, limit, painter(true))) expect(width(line)).toBeLessThanOrEqual(limit);
    }
  });
});

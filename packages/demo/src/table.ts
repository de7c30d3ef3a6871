import type { Board, Row } from "./board.ts";
import { cut, pad, stateStyle, width, type Paint } from "@memberlist/cli/internal";

type Column = "name" | "runtime" | "process" | "address" | "meta";

const titles: Readonly<Record<Column, string>> = {
  name: "agent",
  runtime: "runtime",
  process: "process",
  address: "address",
  meta: "meta",
};

/** Which columns to show, the most first; the first that fit are taken. */
const layouts: readonly { readonly columns: readonly Column[]; readonly short: boolean }[] = [
  { columns: ["name", "runtime", "process", "address", "meta"], short: false },
  { columns: ["name", "process", "address", "meta"], short: false },
  { columns: ["name", "address", "meta"], short: false },
  { columns: ["name", "address"], short: false },
  { columns: ["name", "address", "meta"], short: true },
  { columns: ["name", "address"], short: true },
  { columns: ["name"], short: true },
];

const gap = "  ";

/** Who sees whom how, one node a line; no line is over the width. Narrow terminals get fewer columns and shorter words. */
export function tableLines(board: Board, columns: number, paint: Paint): readonly string[] {
  for (const layout of layouts) {
    const lines = draw(board, layout.columns, layout.short, paint);
    if (lines.every((line) => width(line) <= columns) || layout === layouts.at(-1))
      return lines.map((line) => cut(line, columns));
  }
  return [];
}

function draw(board: Board, columns: readonly Column[], short: boolean, paint: Paint): readonly string[] {
  const { rows, observers } = board;
  const widths = columns.map((column) => Math.max(width(titles[column]), ...rows.map((row) => width(row[column]))));
  const seenWidths = observers.map((observer) => (short ? 2 : Math.max(7, width(observer))));
  const left = (text: (column: Column) => string): string =>
    columns.map((column, index) => pad(text(column), widths[index] ?? 0)).join(gap);
  const between = short ? " " : gap;
  const right = (text: (observer: string, index: number) => string): string =>
    observers.map((observer, index) => pad(text(observer, index), seenWidths[index] ?? 0)).join(between);

  const heads = [
    `${left(() => "")}${gap}${gap}${paint("dim", "seen by")}`,
    `${paint(
      "bold",
      left((column) => titles[column]),
    )}${gap}${gap}${right((observer, index) =>
      paint(board.isRunning(observer) ? "bold" : "dim", short ? `${index + 1}` : observer),
    )}`,
  ];
  return [
    ...heads,
    ...rows.map(
      (row) =>
        `${left((column) => cell(row, column, paint))}${gap}${gap}${right((observer) => seen(board, observer, row.name, short, paint))}`,
    ),
  ].map((line) => `${gap}${line.trimEnd()}`);
}

function cell(row: Row, column: Column, paint: Paint): string {
  const text = row[column];
  if (column === "process" && text === "killed") return paint("red", text);
  return column === "runtime" || column === "process" ? paint("dim", text) : text;
}

function seen(board: Board, observer: string, node: string, short: boolean, paint: Paint): string {
  const state = board.state(observer, node);
  if (state === undefined) return board.isRunning(observer) ? paint("dim", "–") : "";
  return paint(stateStyle(state), short ? state.slice(0, 2) : state);
}

import { cut, pad, width, type Paint, type Style } from "./text.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly style?: (row: Row) => Style | undefined;
  /** If lines are too long, the column with the lowest value is left out first. Columns with 0 always stay. */
  readonly keep: number;
  /** The column can be cut to this width. The last such column is cut first, and all of them before a column is left out. */
  readonly cutTo?: number;
}

const gap = "  ";

/** Formats rows under titles. If lines are too long, it cuts columns, or leaves out the least important ones. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  maxWidth: number,
  paint: Paint,
): readonly string[] {
  let shown = [...columns];
  while (true) {
    const widths = shown.map((column) =>
      rows.reduce((widest, row) => Math.max(widest, width(column.cell(row))), width(column.title)),
    );
    const total = widths.reduce((sum, one) => sum + one, 0) + gap.length * (shown.length - 1);
    const tooMuch = total - maxWidth;
    const canGive = shown.map(({ cutTo }, index) => (cutTo === undefined ? 0 : Math.max(0, (widths[index] ?? 0) - cutTo)));
    const least = shown.filter(({ keep }) => keep > 0).toSorted((one, other) => one.keep - other.keep)[0];
    if (tooMuch > canGive.reduce((sum, one) => sum + one, 0) && least !== undefined) {
      shown = shown.filter((column) => column !== least);
      continue;
    }
    let left = Math.max(0, tooMuch);
    for (let i = shown.length - 1; i >= 0; i--) {
      const given = Math.min(left, canGive[i] ?? 0);
      widths[i] = (widths[i] ?? 0) - given;
      left -= given;
    }
    const line = (texts: readonly string[]): string =>
      texts
        .map((text, i) => pad(text, widths[i] ?? 0))
        .join(gap)
        .trimEnd();
    const heads = line(shown.map((column) => paint("bold", column.title)));
    const body = rows.map((row) =>
      line(
        shown.map((column, i) => {
          const text = cut(column.cell(row), widths[i] ?? 0);
          const style = column.style?.(row);
          return style === undefined ? text : paint(style, text);
        }),
      ),
    );
    return [heads, ...body].map((text) => cut(text, maxWidth));
  }
}

import type { Case } from "./cases.ts";
import type { Sample } from "./measure.ts";

export interface Row extends Case {
  readonly runtime: string;
  readonly full: readonly Sample[];
  /** At 80 % of the median of `full`; absent where that was not asked for. */
  readonly eased: readonly Sample[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The rows as a table of Markdown. */
export function table(rows: readonly Row[]): string {
  const head =
    "| size | payload | mode | runtime | delivered/s | range | x Go | of dgram | µs CPU/packet | loss | loss at 80 % |";
  const lines = rows.map((row) => {
    const rates = row.full.map(({ delivered }) => delivered);
    const rate = median(rates);
    const range = `${thousands(Math.min(...rates))}–${thousands(Math.max(...rates))}`;
    const toGo = rate / rateOf(rows, row, "go", row.mode);
    const toCeiling = rate / rateOf(rows, row, "dgram", "plain");
    const cells = [
      row.size,
      row.payload,
      row.mode,
      row.runtime,
      thousands(rate),
      range,
      Number.isNaN(toGo) ? "–" : toGo.toFixed(2),
      Number.isNaN(toCeiling) ? "–" : percent(toCeiling),
      median(row.full.map(({ cpu }) => cpu)).toFixed(1),
      percent(median(row.full.map(({ loss }) => loss))),
      row.eased.length === 0 ? "–" : percent(Math.max(...row.eased.map(({ loss }) => loss)), 3),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [head, head.replaceAll(/[^|]+/g, " --- "), ...lines].join("\n");
}

function rateOf(rows: readonly Row[], { size, payload }: Row, runtime: string, mode: string): number {
  const row = rows.find((r) => r.runtime === runtime && r.mode === mode && r.size === size && r.payload === payload);
  return row === undefined ? Number.NaN : median(row.full.map(({ delivered }) => delivered));
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`;
}

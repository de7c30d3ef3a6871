import { figure as withDigits, table } from "../../simulator/src/cli/table.ts";
import { spread, type Spread } from "./statistics.ts";

/** One line of the report: what was measured, in which unit, for each kind in each round. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

/** Gathers the figures of an experiment over its rounds. */
export class Figures {
  readonly #found = new Map<string, { readonly unit: string; readonly samples: Record<string, number[]> }>();

  add(what: string, unit: string, kind: string, value: number): void {
    const entry = this.#found.get(what) ?? { unit, samples: {} };
    this.#found.set(what, entry);
    (entry.samples[kind] ??= []).push(value);
  }

  list(): Figure[] {
    return [...this.#found].map(([what, entry]) => ({ what, ...entry }));
  }
}

/** The median of a kind; NaN where it was not measured. */
export function medianOf(figures: readonly Figure[], what: string, kind: string): number {
  return spread(figures.find((one) => one.what === what)?.samples[kind] ?? []).median;
}

/** The worst of all rounds of a kind; NaN where it was not measured. */
export function worstOf(figures: readonly Figure[], what: string, kind: string): number {
  const samples = figures.find((one) => one.what === what)?.samples[kind] ?? [];
  return samples.length === 0 ? Number.NaN : Math.max(...samples);
}

/** The kinds that a table compares, each with the title of its column. */
export type Kinds = readonly [first: readonly [string, string], ...others: readonly (readonly [string, string])[]];

/** Returns a table of medians and ranges, and of the first kind's median divided by that of each other kind. */
export function figureTable(figures: readonly Figure[], kinds: Kinds): string {
  const [[, firstTitle], ...others] = kinds;
  const lines = figures.map(({ what, unit, samples }) => {
    const spreads = kinds.map(([kind]) => spread(samples[kind] ?? []));
    const [first, ...rest] = spreads as [Spread, ...Spread[]];
    const ratios = rest.map((other) => withDigits(first.median / other.median, 2));
    return [what, unit, ...spreads.flatMap((one) => [text(one), range(one)]), ...ratios];
  });
  const columns = kinds.flatMap(([, title]) => [title, "range"]);
  return table(["", "unit", ...columns, ...others.map(([, title]) => `${firstTitle} / ${title}`)], lines);
}

function text({ median }: Spread): string {
  return withDigits(median, digits(median));
}

function range({ min, max }: Spread): string {
  return Number.isFinite(min) && min < max ? `${withDigits(min, digits(min))}-${withDigits(max, digits(max))}` : "";
}

function digits(value: number): number {
  if (value >= 100) return 0;
  return value >= 10 ? 1 : 2;
}

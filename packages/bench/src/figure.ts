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

/** The two kinds that a table compares, each with the title of its column. */
export type Kinds = readonly [readonly [string, string], readonly [string, string]];

/** Medians, ranges, and the ratio of the medians. */
export function figureTable(figures: readonly Figure[], [[first, firstTitle], [second, secondTitle]]: Kinds): string {
  const lines = figures.map(({ what, unit, samples }) => {
    const a = spread(samples[first] ?? []);
    const b = spread(samples[second] ?? []);
    return [what, unit, text(a), range(a), text(b), range(b), withDigits(a.median / b.median, 2)];
  });
  const ratio = `${firstTitle} / ${secondTitle}`;
  return table(["", "unit", firstTitle, "range", secondTitle, "range", ratio], lines);
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

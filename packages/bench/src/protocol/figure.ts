import { figure as withDigits, table } from "../../../simulator/src/cli/table.ts";
import { spread, type Spread } from "../statistics.ts";
import type { Kind } from "./member.ts";

/** One line of the report: what was measured, in which unit, for each kind in each round. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly samples: Readonly<Partial<Record<Kind, readonly number[]>>>;
}

/** Gathers the figures of an experiment over its rounds. */
export class Figures {
  readonly #found = new Map<string, { readonly unit: string; readonly samples: Partial<Record<Kind, number[]>> }>();

  add(what: string, unit: string, kind: Kind, value: number): void {
    const entry = this.#found.get(what) ?? { unit, samples: {} };
    this.#found.set(what, entry);
    (entry.samples[kind] ??= []).push(value);
  }

  list(): Figure[] {
    return [...this.#found].map(([what, entry]) => ({ what, ...entry }));
  }
}

/** The median of a kind; NaN where it was not measured. */
export function medianOf(figures: readonly Figure[], what: string, kind: Kind): number {
  return spread(figures.find((one) => one.what === what)?.samples[kind] ?? []).median;
}

/** The worst of all rounds of a kind; NaN where it was not measured. */
export function worstOf(figures: readonly Figure[], what: string, kind: Kind): number {
  const samples = figures.find((one) => one.what === what)?.samples[kind] ?? [];
  return samples.length === 0 ? Number.NaN : Math.max(...samples);
}

/** Medians, ranges, and the ratio of the medians. */
export function figureTable(figures: readonly Figure[]): string {
  const lines = figures.map(({ what, unit, samples }) => {
    const node = spread(samples.node ?? []);
    const go = spread(samples.go ?? []);
    return [what, unit, text(node), range(node), text(go), range(go), withDigits(node.median / go.median, 2)];
  });
  return table(["", "unit", "node", "range", "Go", "range", "node / Go"], lines);
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

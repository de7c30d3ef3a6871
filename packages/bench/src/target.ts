import { table } from "../../simulator/src/cli/table.ts";

/** Something that the library has to reach, and what was measured. */
export interface Target {
  readonly what: string;
  readonly unit: string;
  readonly measured: number;
  /** One of the two. */
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Below, not at most. */
  readonly below?: number;
}

export function isReached({ measured, atLeast = -Infinity, atMost = Infinity, below = Infinity }: Target): boolean {
  return measured >= atLeast && measured <= atMost && measured < below;
}

/** The targets as a table, with "not measured" for a target without samples. */
export function targetTable(targets: readonly Target[]): string {
  const lines = targets.map((target) => [
    target.what,
    needed(target),
    Number.isFinite(target.measured) ? withUnit(target.measured, target.unit) : "-",
    verdict(target),
  ]);
  return table(["target", "needed", "measured", ""], lines);
}

function verdict(target: Target): string {
  if (!Number.isFinite(target.measured)) return "not measured";
  return isReached(target) ? "reached" : "not reached";
}

function needed({ atLeast, atMost, below, unit }: Target): string {
  if (atLeast !== undefined) return `≥ ${withUnit(atLeast, unit)}`;
  if (atMost !== undefined) return `≤ ${withUnit(atMost, unit)}`;
  return `< ${withUnit(below ?? Number.NaN, unit)}`;
}

function withUnit(value: number, unit: string): string {
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1;
  return `${value.toFixed(digits)}${unit}`;
}

import { mean, sum } from "../papers/statistics.ts";

/** How a figure grows with n: a + b·log10(n), a + b·n, or a·n^b. */
export type Form = "log" | "linear" | "power";

export interface Growth {
  readonly form: Form;
  readonly a: number;
  readonly b: number;
  /** The share of the variance that it explains (of the logarithm, for a power). */
  readonly r2: number;
}

export type Point = readonly [n: number, value: number];

/** The least squares' fit. */
export function fit(form: Form, points: readonly Point[]): Growth {
  const xs = points.map(([n]) => (form === "linear" ? n : Math.log10(n)));
  const ys = points.map(([, value]) => (form === "power" ? Math.log10(value) : value));
  const [mx, my] = [mean(xs), mean(ys)];
  const b = sum(xs.map((x, i) => (x - mx) * ((ys[i] as number) - my))) / sum(xs.map((x) => (x - mx) ** 2));
  const a = my - b * mx;
  const rest = sum(ys.map((y, i) => (y - a - b * (xs[i] as number)) ** 2));
  const all = sum(ys.map((y) => (y - my) ** 2));
  return { form, a: form === "power" ? 10 ** a : a, b, r2: all === 0 ? 1 : 1 - rest / all };
}

export function at({ form, a, b }: Growth, n: number): number {
  if (form === "power") return a * n ** b;
  return a + b * (form === "linear" ? n : Math.log10(n));
}

export function formula({ form, a, b }: Growth): string {
  const [left, right] = [a, b].map((value) => String(Number(value.toPrecision(3))));
  if (form === "power") return `${left} · n^${right}`;
  return `${left} + ${right} · ${form === "linear" ? "n" : "log10 n"}`;
}

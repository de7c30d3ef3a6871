export type Severity = "error" | "warning" | "info";

/** A problem, and advice to solve it. */
export interface Finding {
  /** Stable; docs/guide/command-line.md lists all codes. */
  readonly code: string;
  readonly severity: Severity;
  /** The names or the addresses of the members that have the problem. */
  readonly about: readonly string[];
  readonly message: string;
  readonly advice: string;
}

const order: readonly Severity[] = ["error", "warning", "info"];

/** Sorts findings by severity, the most serious first. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

export type Severity = "error" | "warning" | "info";

/** What is wrong, and what to do about it. */
export interface Finding {
  /** Stable: docs/guide/command-line.md lists them. */
  readonly code: string;
  readonly severity: Severity;
  /** The names of the members, or the addresses, that it is about. */
  readonly about: readonly string[];
  readonly message: string;
  readonly advice: string;
}

const order: readonly Severity[] = ["error", "warning", "info"];

/** The most serious ones first. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

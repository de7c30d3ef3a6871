/**
 * How long a Go and a TypeScript node take to see the same peer dead: `pnpm --filter @memberlist/interop detection [rounds]`.
 * Prints a table and, as the last line, JSON; fails when the medians are more than 20 % apart, in one mixed cluster (where each
 * hears what the other finds out) or in two that know nothing of each other.
 */
import { measureApart, measureTogether, type DetectionReport } from "./detection.ts";
import { goAvailable } from "./go-toolchain.ts";

const tolerance = 0.2;
const rounds = Number(process.argv[2] ?? 10);

function table(title: string, report: DetectionReport, limit?: number): string {
  const row = (cells: readonly (string | number)[]): string =>
    `  ${cells.map((cell) => String(typeof cell === "number" ? Math.round(cell) : cell).padStart(12)).join("")}`;
  const allowed = limit === undefined ? "" : ` (at most ${100 * limit} %)`;
  const lines = report.rounds.map((round, i) => row([i + 1, round.victim, round.go, round.ts]));
  return [
    `${title} (ms from the kill to dead)`,
    row(["round", "victim", "Go", "TypeScript"]),
    ...lines,
    row(["median", "", report.median.go, report.median.ts]),
    `  difference ${(100 * report.difference).toFixed(1)} %${allowed}`,
  ].join("\n");
}

if (!Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write("usage: detection-time [rounds]\n");
  process.exitCode = 2;
} else if (await goAvailable()) {
  const together = await measureTogether(rounds);
  process.stdout.write(`${table("Observers in one mixed cluster", together, tolerance)}\n\n`);
  const apart = await measureApart(rounds);
  process.stdout.write(`${table("Observers of one kind in a cluster of their own", apart, tolerance)}\n\n`);
  process.stdout.write(`${JSON.stringify({ together, apart })}\n`);
  if (Math.max(together.difference, apart.difference) > tolerance) process.exitCode = 1;
}

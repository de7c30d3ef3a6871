/**
 * How long a Go and a TypeScript node take to see the same peer dead: `pnpm --filter @memberlist/interop detection [rounds]`.
 * Prints a table and, as the last line, JSON; fails when the medians of the mixed cluster are more than 20 % apart. Those of
 * observers left alone are for information: a Go node that knows one other lets about every second tick of its prober pass
 * unused (the end of its list counts as a node looked at), so it is later there than ours.
 */
import { measureAlone, measureTogether, type DetectionReport } from "./detection.ts";
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
  const alone = await measureAlone(rounds);
  process.stdout.write(`${table("Each observer alone with its victim", alone)}\n\n`);
  process.stdout.write(`${JSON.stringify({ together, alone })}\n`);
  if (together.difference > tolerance) process.exitCode = 1;
}

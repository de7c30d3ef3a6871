/**
 * How many live members are accused by processes that are blocked for 3 s every 5 s, with lag awareness and without it:
 * `pnpm --filter @memberlist/interop lag [blocks] [processes]`. Prints a table and, as the last line, JSON; fails where lag awareness leaves
 * more than 5 %.
 */
import { measureLag, type LagSum } from "./lag.ts";

const share = 0.05;
const blocks = Number(process.argv[2] ?? 20);
const processes = Number(process.argv[3] ?? 6);

function row(name: string, { accusations, blocks: all, excused, packetLate, packets, probes, timerLate }: LagSum): string {
  const late = timerLate === 0 ? "" : Math.round(timerLate);
  return [name, all, accusations, excused, probes, packets, late, packetLate.toFixed(2)]
    .map((cell) => String(cell).padStart(16))
    .join("");
}

if (!Number.isInteger(blocks) || blocks < 1 || !Number.isInteger(processes) || processes < 1) {
  process.stderr.write("usage: lag [blocks] [processes]\n");
  process.exitCode = 2;
} else {
  const report = await measureLag({ blocks, processes });
  const head = ["lagAwareness", "blocks", "accusations", "excused", "answered pings", "packets", "timers late", "packets late"];
  process.stdout.write(`${head.map((cell) => cell.padStart(16)).join("")}\n`);
  process.stdout.write(`${row("false", report.off)}\n${row("true", report.on)}\n`);
  process.stdout.write(
    "excused: of members that this busy machine had blocked as well\nthe latest of each process's timers and packets, in ms: of packets from their receive time until they are handled\n",
  );
  process.stdout.write(`${JSON.stringify(report)}\n`);
  if (report.on.accusations > share * report.off.accusations) process.exitCode = 1;
}

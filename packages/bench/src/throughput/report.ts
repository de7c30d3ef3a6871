import { figure, table } from "../../../simulator/src/cli/table.ts";
import { median, spread } from "../statistics.ts";
import type { Target } from "../target.ts";
import type { Mode } from "./cases.ts";
import { findRow, lossOf, messageRate, packetRate, ratioTo, type Row } from "./rows.ts";
import { isBare, isRust, type RuntimeName } from "./runtimes.ts";

const head = [
  "size",
  "payload",
  "mode",
  "runtime",
  "messages/s",
  "range",
  "packets/s",
  "x Go",
  "x Rust",
  "% of dgram",
  "µs CPU/message",
  "per packet",
  "loss",
  "loss at 80 %",
  "window",
];

/** The rows as a table of Markdown: medians of the rounds, and ranges. */
export function rateTable(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { min, max } = spread(row.samples.map(({ full }) => full.rate));
    return [
      String(row.size),
      row.payload,
      row.mode,
      row.runtime,
      thousands(messageRate(row)),
      `${thousands(min)}-${thousands(max)}`,
      thousands(packetRate(row)),
      figure(ratioTo(rows, row, "go"), 2),
      figure(ratioTo(rows, row, "rust"), 2),
      figure(100 * ratioTo(rows, row, "dgram"), 0),
      figure(median(row.samples.map(({ full }) => (full.cpu * full.packetRate) / full.rate)), 1),
      figure(median(row.samples.map(({ full }) => full.cpu)), 1),
      share(lossOf(row, "full")),
      share(lossOf(row, "eased")),
      `${row.setting.window}${row.setting.senders > 1 ? ` x ${row.setting.senders} senders` : ""}`,
    ];
  });
  return table(head, lines);
}

/** Messages per second against Go: contender, buffer in bytes, mode, ratio. */
const toGo = [
  ["node", 1400, "plain", 2],
  ["node", 1400, "compressed", 4],
  ["node", 1400, "encrypted", 1.5],
  ["node", 1400, "both", 4],
  ["deno", 1400, "compressed", 2],
  ["bun", 1400, "compressed", 2],
  ["node", 8192, "plain", 1.2],
  ["node", 8192, "encrypted", 1.2],
  ["node", 65_507, "plain", 1.2],
  ["node", 65_507, "encrypted", 1.2],
] as const;

/** Node's packets per second against Go, of 1,400 bytes. Where several messages share a packet, there are fewer of them. */
const packetsToGo = [
  ["compressed", 1.2],
  ["both", 1.2],
] as const;

/** Node's plain packets per second against bare sockets, in per cent. */
const toBare = [
  ["dgram", 75],
  ["dgram-unconnected", 80],
] as const;

/** Node's messages/s against the Rust crate on one thread. */
const toRust = [
  ["plain", 0.8],
  ["compressed", 0.6],
  ["encrypted", 0.5],
] as const;

/** What the library has to reach, as far as these rows show. */
export function rateTargets(rows: readonly Row[]): Target[] {
  const against = (
    runtime: RuntimeName,
    size: number,
    mode: Mode,
    other: RuntimeName,
    rateOf: (row: Row) => number = messageRate,
  ): number => {
    const row = findRow(rows, runtime, size, mode);
    return row === undefined ? Number.NaN : ratioTo(rows, row, other, rateOf);
  };
  const ours = rows.filter(({ runtime }) => runtime !== "go" && !isRust(runtime) && !isBare(runtime));
  return [
    ...toGo.map(([runtime, size, mode, atLeast]): Target => {
      const what = `messages/s at ${thousands(size)} bytes, ${mode}: ${runtime} against Go`;
      return { what, unit: "x", measured: against(runtime, size, mode, "go"), atLeast };
    }),
    ...packetsToGo.map(([mode, atLeast]): Target => {
      const what = `packets/s at 1,400 bytes, ${mode}: node against Go`;
      return { what, unit: "x", measured: against("node", 1400, mode, "go", packetRate), atLeast };
    }),
    ...toRust.map(([mode, atLeast]): Target => {
      const what = `messages/s at 1,400 bytes, ${mode}: node against Rust`;
      return { what, unit: "x", measured: against("node", 1400, mode, "rust"), atLeast };
    }),
    ...toBare.map(([bare, atLeast]): Target => {
      const what = `packets/s at 1,400 bytes, plain: node against bare ${bare}`;
      return { what, unit: " %", measured: 100 * against("node", 1400, "plain", bare, packetRate), atLeast };
    }),
    {
      what: "loss at 80 % of the highest rate, the worst of node, deno and bun",
      unit: " %",
      measured: ours.length === 0 ? Number.NaN : Math.max(...ours.map((row) => 100 * lossOf(row, "eased"))),
      atMost: 0,
    },
  ];
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function share(value: number): string {
  return value === 0 ? "0" : `${(value * 100).toFixed(3)} %`;
}

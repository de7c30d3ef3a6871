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

const toGo = [
  ["node", "plain", 3],
  ["node", "compressed", 4],
  ["node", "encrypted", 3],
  ["node", "both", 4],
  ["deno", "compressed", 2],
  ["bun", "compressed", 2],
] as const;

/** Node's messages/s against the Rust crate on one thread. */
const toRust = [
  ["plain", 0.8],
  ["compressed", 0.6],
  ["encrypted", 0.5],
] as const;

/**
 * What the library has to reach, as far as these rows show. A message fills the buffer; where compression leaves room for another one in its packet, there
 * are more messages than packets, so that both have to get there.
 */
export function rateTargets(rows: readonly Row[]): Target[] {
  const against = (runtime: RuntimeName, mode: Mode, other: RuntimeName, rateOf: (row: Row) => number): number => {
    const row = findRow(rows, runtime, 1400, mode);
    return row === undefined ? Number.NaN : ratioTo(rows, row, other, rateOf);
  };
  const rates = { "messages/s": messageRate, "packets/s": packetRate } as const;
  const ours = rows.filter(({ runtime }) => runtime !== "go" && !isRust(runtime) && !isBare(runtime));
  return [
    ...toGo.flatMap(([runtime, mode, atLeast]) =>
      Object.entries(rates).map(([unit, rateOf]): Target => {
        const what = `${unit} at 1,400 bytes, ${mode}: ${runtime} against Go`;
        return { what, unit: "x", measured: against(runtime, mode, "go", rateOf), atLeast };
      }),
    ),
    ...toRust.map(([mode, atLeast]): Target => {
      const what = `messages/s at 1,400 bytes, ${mode}: node against Rust`;
      return { what, unit: "x", measured: against("node", mode, "rust", messageRate), atLeast };
    }),
    {
      what: "packets/s at 1,400 bytes, plain: node against bare dgram",
      unit: " %",
      measured: 100 * against("node", "plain", "dgram", packetRate),
      atLeast: 75,
    },
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

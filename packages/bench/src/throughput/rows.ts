import { median } from "../statistics.ts";
import type { Case, Mode } from "./cases.ts";
import type { Sample } from "./measure.ts";
import type { RuntimeName } from "./runtimes.ts";
import type { Setting } from "./window-search.ts";

/** One contender in one case, over all rounds. */
export interface Row extends Case {
  readonly runtime: RuntimeName;
  readonly setting: Setting;
  readonly samples: readonly Sample[];
}

/** Delivered messages per second: the median of the rounds. */
export function messageRate(row: Row): number {
  return median(row.samples.map(({ full }) => full.rate));
}

/** Packets per second. */
export function packetRate(row: Row): number {
  return median(row.samples.map(({ full }) => full.packetRate));
}

/** Messages not delivered, in all rounds together, as a share of those sent. */
export function lossOf(row: Row, which: keyof Sample): number {
  const sent = row.samples.reduce((sum, sample) => sum + sample[which].sent, 0);
  const lost = row.samples.reduce((sum, sample) => sum + sample[which].lost, 0);
  return lost / sent;
}

/**
 * A rate, messages by default, as a multiple of another contender's in the same case. Bare `dgram` knows no modes, and its payload does not matter: its one row
 * of a size stands beside all of that size. NaN without such a row.
 */
export function ratioTo(
  rows: readonly Row[],
  row: Row,
  runtime: RuntimeName,
  rateOf: (row: Row) => number = messageRate,
): number {
  const isCeiling = runtime === "dgram";
  const other = rows.find(
    (r) => r.runtime === runtime && r.size === row.size && (isCeiling || (r.mode === row.mode && r.payload === row.payload)),
  );
  return other === undefined ? Number.NaN : rateOf(row) / rateOf(other);
}

export function findRow(rows: readonly Row[], runtime: RuntimeName, size: number, mode: Mode): Row | undefined {
  return rows.find((r) => r.runtime === runtime && r.size === size && r.mode === mode && r.payload === "gossip");
}

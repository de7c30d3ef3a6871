import type { writeReport } from "../../../simulator/src/cli/report.ts";
import { spread } from "../statistics.ts";
import { runtimeNames } from "./runtimes.ts";
import type { Row } from "./rows.ts";

type Charts = Parameters<typeof writeReport>[3];

/** Delivered messages per second of every contender, a panel for each size and payload; the lines are the ranges. */
export function rateChart(rows: readonly Row[]): Charts {
  const values = rows.map((row) => {
    const rates = spread(row.samples.map(({ full }) => full.rate));
    return { ...rates, runtime: row.runtime, mode: row.mode, panel: `${row.size} bytes, ${row.payload}` };
  });
  const x = { field: "mode", type: "nominal", sort: null, title: null, axis: { labelAngle: 0 } } as const;
  const xOffset = { field: "runtime", sort: [...runtimeNames] };
  return {
    throughput: {
      title: "Messages per second, delivered to the receiver's delegate without loss",
      data: { values },
      facet: { field: "panel", type: "nominal", sort: [...new Set(values.map(({ panel }) => panel))], title: null },
      columns: 2,
      resolve: { scale: { y: "independent" } },
      spec: {
        width: 420,
        layer: [
          {
            mark: "bar",
            encoding: {
              x,
              xOffset,
              y: { field: "median", type: "quantitative", title: "messages/s" },
              color: { field: "runtime", type: "nominal", sort: [...runtimeNames], title: null },
            },
          },
          {
            mark: { type: "rule" },
            encoding: { x, xOffset, y: { field: "min", type: "quantitative" }, y2: { field: "max" } },
          },
        ],
      },
    },
  };
}

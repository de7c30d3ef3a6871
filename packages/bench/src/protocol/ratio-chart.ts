import type { writeReport } from "../../../simulator/src/cli/report.ts";

type Chart = Parameters<typeof writeReport>[3][string];

/** One figure of Node as a multiple of Go's; more than 0. */
export interface Ratio {
  readonly what: string;
  readonly ratio: number;
}

/** How Node stands to Go: bars to the left of 1 are better, to the right worse. On a logarithmic axis a bar needs the foot that it has at 1. */
export function ratioChart(ratios: readonly Ratio[]): Chart {
  const values = ratios.map(({ what, ratio }) => ({ what, ratio, text: `${Number(ratio.toPrecision(2))}` }));
  const y = { field: "what", type: "nominal", sort: null, title: null, axis: { labelLimit: 500 } } as const;
  const x = {
    field: "ratio",
    type: "quantitative",
    scale: { type: "log", nice: true },
    title: "Node / Go",
    axis: { format: "~g" },
  } as const;
  return {
    title: "Node as a multiple of Go: less is better",
    width: 360,
    data: { values },
    layer: [
      {
        mark: { type: "bar", height: { band: 0.6 } },
        encoding: {
          y,
          x,
          x2: { datum: 1 },
          color: { condition: { test: "datum.ratio > 1", value: "#e45756" }, value: "#4c78a8" },
        },
      },
      { mark: "rule", encoding: { x: { datum: 1 } } },
      // Beyond the bar's end, on whichever side that is.
      ...(["right", "left"] as const).map((align) => ({
        transform: [{ filter: align === "right" ? "datum.ratio < 1" : "datum.ratio >= 1" }],
        mark: { type: "text" as const, align, dx: align === "right" ? -4 : 4, fontSize: 10 },
        encoding: { y, x, text: { field: "text", type: "nominal" as const } },
      })),
    ],
  };
}

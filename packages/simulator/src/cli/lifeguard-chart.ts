import type { TopLevelSpec } from "vega-lite";
import { lifeguardPaper, type LifeguardFigures } from "../papers/lifeguard-paper.ts";
import { lifeguardConfigurations, type LifeguardConfiguration } from "../papers/lifeguard-run.ts";
import { figure } from "./table.ts";

/** The measurements of a configuration, like the paper's figures, with the 95 % intervals of those in per cent. */
export interface LifeguardResult extends LifeguardFigures {
  readonly configuration: LifeguardConfiguration;
  readonly intervals: {
    readonly falsePositives: readonly [number, number];
    readonly healthyFalsePositives: readonly [number, number];
  };
}

type Panel = Extract<TopLevelSpec, { concat: unknown }>["concat"][number];
type Field = "falsePositives" | "healthyFalsePositives" | "messages" | "bytes";

const titles: Readonly<Record<Field, string>> = {
  falsePositives: "FP: false positives raised anywhere",
  healthyFalsePositives: "FP-: those raised at healthy agents",
  messages: "packets sent",
  bytes: "bytes sent",
};
const sources = ["measured", "paper"] as const;
const colors = ["#4c78a8", "#f58518"] as const;
/** Smaller values, 0 included, do not fit on the logarithmic axes: their points stand here, with the value beside them. */
const floor = 0.01;

/** To the decade in which `most` is. */
function logarithmic(most: number): {
  readonly scale: { type: "log"; domain: number[] };
  readonly axis: { values: number[]; format: string };
} {
  const decades = Math.max(3, Math.ceil(Math.log10(most)));
  const values = Array.from({ length: decades + 3 }, (_, i) => Number(`1e${i - 2}`));
  return { scale: { type: "log", domain: [floor, 10 ** decades] }, axis: { values, format: ",~g" } };
}
const linear = { scale: { domain: [0, 160] } };

/**
 * The paper's table, a panel for each figure: what was measured, with its 95 % interval, beside the paper's. Points, since bars have no
 * foot on a logarithmic axis. It leaves out missing figures, such as a percentage of SWIM's false positives if SWIM had 0.
 */
export function lifeguardChart(results: readonly LifeguardResult[]): TopLevelSpec {
  return {
    title: {
      text: "The Lifeguard paper's table: false positives and load, in per cent of SWIM's",
      subtitle: "points: measured and the paper's; lines: 95 % of the bootstrap; false positives on a logarithmic axis",
    },
    columns: 2,
    concat: (["falsePositives", "healthyFalsePositives", "messages", "bytes"] as const).map((field) => panel(results, field)),
  };
}

function panel(results: readonly LifeguardResult[], field: Field): Panel {
  const isLogarithmic = field === "falsePositives" || field === "healthyFalsePositives";
  const place = (percent: number): number => (isLogarithmic ? Math.max(percent, floor) : percent);
  const values = results.flatMap((result) => {
    const { configuration } = result;
    const shown = [
      { source: sources[0], value: result[field] },
      { source: sources[1], value: lifeguardPaper[configuration][field] },
    ].filter(({ value }) => Number.isFinite(value));
    return shown.map(({ source, value }) => {
      const [low, high] = isLogarithmic && source === "measured" ? result.intervals[field] : [value, value];
      return {
        configuration,
        source,
        percent: place(value),
        low: place(low),
        high: place(high),
        text: value === 0 ? "0" : figure(value, value < 1 ? 2 : 1),
      };
    });
  });
  const y = {
    field: "configuration",
    type: "nominal",
    sort: [...lifeguardConfigurations],
    title: null,
    scale: { paddingInner: 0.1 },
  } as const;
  const yOffset = { field: "source", sort: [...sources] };
  const axis = isLogarithmic ? logarithmic(Math.max(1, ...values.map(({ high }) => high).filter(Number.isFinite))) : linear;
  const percent = { field: "percent", type: "quantitative", title: "% of SWIM", ...axis } as const;
  const color = { field: "source", type: "nominal", sort: [...sources], title: null, scale: { range: [...colors] } } as const;
  return {
    title: { text: titles[field], fontSize: 11 },
    width: 300,
    height: 200,
    data: { values },
    layer: [
      { mark: "rule", encoding: { y, yOffset, x: { ...percent, field: "low" }, x2: { field: "high" }, color } },
      {
        mark: { type: "point", filled: true, size: 60, opacity: 1 },
        encoding: { y, yOffset, x: percent, color, shape: { ...color, scale: { range: ["circle", "diamond"] }, legend: null } },
      },
      {
        mark: { type: "text", align: "left", dx: 8, fontSize: 10 },
        // Behind the end of the line.
        encoding: { y, yOffset, x: { ...percent, field: "high" }, text: { field: "text", type: "nominal" } },
      },
    ],
  };
}

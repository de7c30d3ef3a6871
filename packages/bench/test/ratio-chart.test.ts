import { expect, test } from "vitest";
import { svgOf } from "../../simulator/src/cli/report.ts";
import { marksOf } from "../../simulator/test/svg-marks.ts";
import { ratioChart } from "../src/protocol/ratio-chart.ts";

test("draws a bar for each ratio, the longer the further it is from 1, to either side", async () => {
  const ratios = [0.1, 0.5, 0.9, 2, 10].map((ratio) => ({ what: `figure ${ratio}`, ratio }));
  const bars = marksOf(await svgOf(ratioChart(ratios)));
  expect(bars).toHaveLength(5);
  const widths = bars.map(({ width }) => width);
  for (const { width, height } of bars) expect(Math.min(width, height)).toBeGreaterThan(3);
  expect(widths[0]).toBeCloseTo(widths[4] as number, 0);
  expect(widths[1]).toBeCloseTo(widths[3] as number, 0);
  expect(widths[0]).toBeGreaterThan(3 * (widths[1] as number));
}, 60_000);

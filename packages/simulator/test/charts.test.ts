import { expect, test } from "vitest";
import { lifeguardChart } from "../src/cli/lifeguard-chart.ts";
import { svgOf } from "../src/cli/report.ts";
import { lifeguardPaper } from "../src/papers/lifeguard-paper.ts";
import { lifeguardConfigurations } from "../src/papers/lifeguard-run.ts";
import { detectionChart, infectionChart } from "../src/cli/swim.ts";
import { marksOf } from "./svg-marks.ts";

const timeout = 60_000;

test("draws a point for each figure of Lifeguard's chart, ours and the paper's, zeros included", { timeout }, async () => {
  const results = lifeguardConfigurations.map((configuration, i) => ({
    ...lifeguardPaper[configuration],
    configuration,
    falsePositives: 100 / (i + 1),
    healthyFalsePositives: configuration === "Lifeguard" ? 0 : 50,
    intervals: { falsePositives: [1, 200], healthyFalsePositives: [0, 100] } as const,
  }));
  const svg = await svgOf(lifeguardChart(results));
  const points = marksOf(svg);
  for (const configuration of lifeguardConfigurations) {
    for (const source of ["measured", "paper"]) {
      const of = points.filter(
        ({ label }) => label.includes(`configuration: ${configuration};`) && label.endsWith(`source: ${source}`),
      );
      expect(of, `${configuration}, ${source}`).toHaveLength(4);
      for (const { width, height } of of) expect(Math.min(width, height)).toBeGreaterThan(5);
    }
  }
  expect(svg).toContain(">0<");
  expect(svg).toContain(">67.7<");
});

test("leaves missing percentages out of Lifeguard's chart, as without false positives", { timeout }, async () => {
  const nothing = { falsePositives: NaN, healthyFalsePositives: NaN };
  const results = lifeguardConfigurations.map((configuration) => ({
    ...lifeguardPaper[configuration],
    ...nothing,
    configuration,
    intervals: { falsePositives: [NaN, NaN], healthyFalsePositives: [NaN, NaN] } as const,
  }));
  const svg = await svgOf(lifeguardChart(results));
  expect(marksOf(svg)).toHaveLength(5 * (2 + 4));
  expect(svg).not.toContain("NaN");
});

test("draws a bar for each share and a point for each period of the curve in SWIM's charts", { timeout }, async () => {
  const bars = marksOf(await svgOf(detectionChart([1, 1, 1, 2, 3])));
  expect(bars).toHaveLength(6);
  for (const { width, height } of bars) expect(Math.min(width, height)).toBeGreaterThan(2);
  const tallest = bars.find(({ label }) => label.includes("0.6") && label.includes("measured"));
  expect(tallest?.height).toBeGreaterThan(100);
  const points = marksOf(
    await svgOf(infectionChart([0, 1, 2].map((period) => ({ period, measured: 3 ** period, paper: 4 ** period })))),
  );
  expect(points).toHaveLength(6);
  for (const { height } of points) expect(height).toBeGreaterThan(2);
});

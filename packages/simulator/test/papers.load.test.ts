import { expect, test } from "vitest";
import { analyticTime, convergenceRun } from "../src/papers/convergence-run.ts";
import { inputsOf, intervalCells, thresholdCells } from "../src/papers/lifeguard-grid.ts";
import { lifeguardRun, type LifeguardConfiguration } from "../src/papers/lifeguard-run.ts";
import { confidence, mean, quantile, shareInterval } from "../src/papers/statistics.ts";
import {
  infectionCurve,
  swimDetection,
  swimFalsePositives,
  probedShare,
  swimFormula,
  swimInfection,
  swimLoad,
} from "../src/papers/swim-run.ts";
import { SeededRandom } from "@memberlist/core/testing";

/** Runs of two virtual minutes, on a machine that may be busy. */
const timeout = 240_000;

test(
  "accuses healthy agents far less with slow agents in Lifeguard's full configuration than under SWIM",
  { timeout },
  async () => {
    // One run says little: accusations come in bursts.
    const seeds = Array.from({ length: 8 }, (_, i) => `papers-${i}`);
    const play = async (configuration: LifeguardConfiguration): Promise<number> => {
      let falsePositives = 0;
      for (const seed of seeds) {
        const run = { configuration, seed, agents: 24, anomalous: 6, duration: 16_384, interval: 256 };
        falsePositives += (await lifeguardRun(run)).falsePositives;
      }
      return falsePositives;
    };
    const swim = await play("SWIM");
    expect(swim).toBeGreaterThan(20 * seeds.length);
    expect(await play("Lifeguard")).toBeLessThan(0.33 * swim);
  },
);

test(
  "detects agents that stay slow at all members under Lifeguard, no earlier than the minimum suspicion timeout",
  { timeout },
  async () => {
    const outcome = await lifeguardRun({
      configuration: "Lifeguard",
      seed: "papers",
      agents: 32,
      anomalous: 2,
      duration: 32_768,
      interval: undefined,
    });
    expect(outcome.firstDetections).toHaveLength(2);
    expect(outcome.disseminations).toHaveLength(2);
    // 5 * log10(32) s is the shortest suspicion; the probe before it takes up to some periods.
    for (const at of outcome.firstDetections) expect(at).toBeGreaterThan(7_500);
    for (const at of outcome.firstDetections) expect(at).toBeLessThan(20_000);
  },
);

test("plays the same cells of Lifeguard's grid in every configuration, and all cells of the paper in the full grid", () => {
  const options = { size: "strata", seed: 1, agents: 128 } as const;
  expect(intervalCells(options)).toHaveLength(54);
  expect(intervalCells({ ...options, size: "full" })).toHaveLength(4_320);
  expect(thresholdCells({ ...options, size: "full" })).toHaveLength(540);
  const inputs = inputsOf(intervalCells(options));
  const seeds = (configuration: string): string[] =>
    inputs.filter((input) => input.configuration === configuration).map(({ seed }) => seed);
  expect(seeds("SWIM")).toEqual(seeds("Lifeguard"));
  expect(new Set(seeds("SWIM")).size).toBe(54);
});

test(
  "sends two packets per member and period under SWIM, soon probes a failed member, and accuses as often as by the formula",
  { timeout },
  async () => {
    const { sent, probed } = await swimLoad({ seed: "papers", nodes: 40 });
    expect(sent).toBeCloseTo(2, 1);
    expect(Math.abs(probed - probedShare(40))).toBeLessThan(0.05);
    const periods = await swimDetection({ seed: "papers", nodes: 40, failures: 10 });
    expect(mean(periods)).toBeLessThan(2.6);
    const rate = await swimFalsePositives({ seed: "papers", nodes: 40, indirectChecks: 1, delivered: 0.9, periods: 120 });
    // 4,800 probes: 5.5 % is one standard deviation.
    const expected = swimFormula(0.9, 1, 40) * probedShare(40);
    expect(rate / expected).toBeGreaterThan(0.8);
    expect(rate / expected).toBeLessThan(1.2);
  },
);

test("spreads a message on SWIM's pings and acks to all members about as fast as in the paper's curve", { timeout }, async () => {
  const runs = await Promise.all([1, 2, 3, 4, 5].map((i) => swimInfection({ seed: `papers/${i}`, nodes: 60 })));
  const known = (period: number): number => mean(runs.map((run) => run[period] ?? NaN));
  expect(known(0)).toBe(1);
  for (const period of [2, 3]) {
    expect(known(period)).toBeGreaterThan(infectionCurve(60, period - 0.75));
    expect(known(period)).toBeLessThan(infectionCurve(60, period + 0.75));
  }
  expect(known(8)).toBe(60);
});

test("computes the figures of SWIM's paper, and higher ones for smaller groups, whose members are probed more often", () => {
  expect(swimFormula(0.9, 1)).toBeCloseTo(0.1034, 4);
  expect(swimFormula(0.9, 3)).toBeCloseTo(0.0122, 4);
  expect(probedShare(2)).toBe(1);
  expect(probedShare(3)).toBe(0.75);
  expect(swimFormula(0.9, 1, 3) * 0.75).toBeCloseTo(0.06534, 5);
  expect(swimFormula(0.9, 1, 100_000)).toBeCloseTo(swimFormula(0.9, 1), 5);
});

test("computes a confidence interval that contains the share, also at 0 and 1", () => {
  const [low, high] = shareInterval(30, 100);
  expect(low).toBeCloseTo(0.219, 3);
  expect(high).toBeCloseTo(0.396, 3);
  expect(shareInterval(0, 50)[0]).toBeCloseTo(0);
  expect(shareInterval(0, 50)[1]).toBeGreaterThan(0.05);
});

test("delivers a message to all members that do not fail, and more slowly under loss", async () => {
  const input = { seed: "papers", nodes: 40, loss: 0, failed: 0.1, fanout: 3, interval: 200 };
  const calm = await convergenceRun(input);
  expect(calm.nodes).toBe(36);
  expect(calm.heardAt).toHaveLength(36);
  const lossy = await convergenceRun({ ...input, loss: 0.5 });
  expect(quantile(lossy.heardAt, 0.5)).toBeGreaterThan(quantile(calm.heardAt, 0.5));
});

test("follows the published curve: 100 nodes, fanout 3, every 0.2 s", () => {
  const input = { nodes: 100, loss: 0, failed: 0, fanout: 3, interval: 200 };
  expect(analyticTime(input, 0.5) / 1000).toBeCloseTo(0.62, 2);
  expect(analyticTime(input, 0.99) / 1000).toBeCloseTo(1.23, 2);
  expect(analyticTime({ ...input, loss: 0.25 }, 0.9) / 1000).toBeCloseTo(1.21, 2);
});

test("computes a bootstrap interval that contains the estimate, and narrows with the sample size", () => {
  const random = new SeededRandom(1);
  const values = Array.from({ length: 400 }, () => random.next());
  const width = (size: number): number => {
    const [low, high] = confidence(size, random, (units) => mean(units.map((i) => values[i] ?? NaN)));
    expect(low).toBeLessThan(0.5);
    expect(high).toBeGreaterThan(0.5);
    return high - low;
  };
  expect(width(400)).toBeLessThan(width(25));
});

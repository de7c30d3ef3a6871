import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunLog } from "../src/cli/run-log.ts";
import { at, fit, formula } from "../src/scale/growth.ts";
import { scaleColdStart, scaleSteady } from "../src/scale/scale-run.ts";

test("ends a cold start in agreement, identically each time", { timeout: 180_000 }, async () => {
  const play = (): ReturnType<typeof scaleColdStart> => scaleColdStart({ nodes: 20, seed: "cold" });
  const { converged, packets } = await play();
  expect(converged).toBeGreaterThanOrEqual(850);
  expect(converged).toBeLessThan(20_000);
  expect(packets).toBeGreaterThan(0);
  expect(await play()).toMatchObject({ converged, packets });
});

test(
  "sends two packets per member and second in a steady cluster, more under churn, and detects crashes",
  { timeout: 180_000 },
  async () => {
    const { idle, churn, crashes, firstDetection, fullDetection } = await scaleSteady({ nodes: 24, seed: "steady" });
    expect(idle.packets).toBeCloseTo(2, 1);
    expect(idle.streamBytes).toBeGreaterThan(0);
    expect(churn.packets).toBeGreaterThan(1.05 * idle.packets);
    expect(crashes).toBeGreaterThanOrEqual(6);
    // A suspicion of 4 · log10(24) s at least, after a probe; all hear of the verdict within rounds of gossip.
    expect(firstDetection).toBeGreaterThan(5_500);
    expect(firstDetection).toBeLessThan(20_000);
    expect(fullDetection).toBeGreaterThanOrEqual(firstDetection - 1_000);
    expect(fullDetection).toBeLessThan(firstDetection + 5_000);
  },
);

test("fits and extrapolates the growth of costs", () => {
  const sizes = [10, 100, 1_000];
  const linear = fit(
    "linear",
    sizes.map((n) => [n, 3 + 2 * n]),
  );
  expect(linear.a).toBeCloseTo(3);
  expect(at(linear, 10_000)).toBeCloseTo(20_003);
  expect(formula(linear)).toBe("3 + 2 · n");
  const log = fit(
    "log",
    sizes.map((n) => [n, 1 + 4 * Math.log10(n)]),
  );
  expect(at(log, 100_000)).toBeCloseTo(21);
  const power = fit(
    "power",
    sizes.map((n) => [n, 5 * n ** 0.5]),
  );
  expect(power.b).toBeCloseTo(0.5);
  expect(at(power, 10_000)).toBeCloseTo(500);
  expect(power.r2).toBeCloseTo(1);
  expect(
    fit("linear", [
      [1, 1],
      [2, 4],
      [3, 1],
    ]).r2,
  ).toBeCloseTo(0);
});

test("returns finished runs from a log, also to another process, and keeps nothing without a file", () => {
  const folder = mkdtempSync(join(tmpdir(), "runs-"));
  try {
    const file = join(folder, "runs.jsonl");
    const log = new RunLog<{ n: number }, number>(file);
    expect(log.get({ n: 1 })).toBeUndefined();
    log.add({ n: 1 }, 10);
    log.add({ n: 2 }, 20);
    const again = new RunLog<{ n: number }, number>(file);
    expect([again.get({ n: 1 }), again.get({ n: 2 }), again.get({ n: 3 })]).toEqual([10, 20, undefined]);
    expect(new RunLog<{ n: number }, number>(undefined).get({ n: 1 })).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

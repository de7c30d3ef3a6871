import { describe, expect, it } from "vitest";
import { judge, warmUpOf } from "../src/soak/heap-growth.ts";
import { growthTable, sampleHeader, sampleRow, verdictLines } from "../src/soak/report.ts";
import type { SoakMark } from "../src/soak/soak-task.ts";

const line = (minutes: number, mbPerMinute: number, noise: (minute: number) => number = () => 0) =>
  Array.from({ length: minutes * 2 + 1 }, (_, i) => {
    const minute = 20 + i / 2;
    return { minute, heap: 12e6 + (i / 2) * mbPerMinute * 1e6 + noise(minute) * 1e6 };
  });

describe("the growth of a heap", () => {
  it("counts after twenty minutes, or after two thirds of a shorter run", () => {
    expect([30, 60, 3].map(warmUpOf)).toEqual([20, 20, 2]);
  });

  it("equals the rise of the line of least squares", () => {
    expect(judge(line(10, 0.02)).growth).toBeCloseTo(0.2, 6);
    expect(judge(line(10, 0.02)).passed).toBe(false);
    expect(judge(line(10, 0.014)).passed).toBe(true);
    expect(judge(line(10, -0.01)).growth).toBeCloseTo(-0.1, 6);
  });

  it("does not follow a single sample", () => {
    const spike = (minute: number): number => (minute === 30 ? 0.4 : 0);
    const found = judge(line(10, 0, spike)).growth;
    expect(found).toBeGreaterThan(0);
    expect(found).toBeLessThan(0.15);
  });

  it("does not pass where there are fewer than three samples", () => {
    expect(judge(line(10, 0).slice(0, 2))).toEqual({ growth: Number.NaN, allowed: 0.15, passed: false });
    expect(judge([]).passed).toBe(false);
  });

  it("stays within a limit that grows with time: 0.15 MB in ten minutes, and no less in fewer", () => {
    expect(judge(line(10, 0)).allowed).toBeCloseTo(0.15, 9);
    expect(judge(line(40, 0)).allowed).toBeCloseTo(0.6, 9);
    expect(judge(line(1, 0)).allowed).toBeCloseTo(0.15, 9);
  });
});

describe("the report of a soak", () => {
  const mark: SoakMark = {
    heap: 12_345_678,
    code: 2e6,
    external: 1e6,
    members: 4,
    broadcasts: 5,
    received: 9,
    reliable: 2,
    updates: 1,
    failures: 0,
  };

  it("contains a cell for each heading", () => {
    const row = sampleRow(1.5, [mark, mark]);
    expect(row).toHaveLength(sampleHeader(2).length);
    expect(row.slice(0, 6)).toEqual(["1.5", "12.346", "12.346", "12.346", "2.000", "1.000"]);
    expect(row.slice(-5)).toEqual(["10", "18", "4", "2", "0"]);
  });

  it("says which member grows, and that one lost another", () => {
    const verdicts = [
      { growth: 0.1, allowed: 0.15, passed: true },
      { growth: 0.2, allowed: 0.15, passed: false },
      { growth: Number.NaN, allowed: 0.15, passed: false },
    ];
    const [first, second, third, last] = verdictLines(verdicts, [mark, { ...mark, members: 3 }], 4);
    expect(first).toMatch(/member 1: \+0\.100 MB .* 0\.150 is allowed: ok/);
    expect(second).toMatch(/GROWS/);
    expect(third).toMatch(/GROWS/);
    expect(last).toBe("1 members do not see all 4: FAILED");
  });

  it("names the largest growth", () => {
    const table = growthTable([{ name: "TcpStream", count: 12.4, size: 4096 }]);
    expect(table).toMatch(/TcpStream +\+12 +4\.1 kB/);
    expect(growthTable([])).toMatch(/nothing/);
  });
});

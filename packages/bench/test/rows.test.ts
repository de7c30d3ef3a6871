import { describe, expect, it } from "vitest";
import { median, quantile, spread } from "../src/statistics.ts";
import type { Stretch } from "../src/throughput/pair.ts";
import { rateTable, rateTargets } from "../src/throughput/report.ts";
import { lossOf, ratioTo, type Row } from "../src/throughput/rows.ts";
import { isReached, targetTable } from "../src/target.ts";

function stretch(rate: number, lost = 0): Stretch {
  return { rate, packetRate: rate, cpu: 1, threadCpu: { sender: 1, receiver: 1 }, sent: 1000, lost };
}

function row(runtime: Row["runtime"], rates: readonly number[], rest: Partial<Row> = {}): Row {
  const samples = rates.map((rate) => ({ full: stretch(rate), eased: stretch(rate * 0.8) }));
  return { runtime, samples, size: 1400, payload: "gossip", mode: "plain", setting: { window: 32, senders: 1 }, ...rest };
}

describe("statistics", () => {
  it("takes the middle, or the mean of the two in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(spread([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
  });

  it("takes a quantile as the least value that the share does not exceed", () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([0, 0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 99, 100]);
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe("a ratio", () => {
  const rows = [
    row("node", [300, 100, 200]),
    row("go", [100, 100, 50]),
    row("go", [10], { mode: "both" }),
    row("node", [40], { mode: "both", payload: "json" }),
    row("dgram", [400]),
  ];

  it("stands between medians of the same case", () => {
    expect(ratioTo(rows, rows[0]!, "go")).toBe(2);
    expect(ratioTo(rows, rows[3]!, "go")).toBeNaN();
  });

  it("stands between rows of the same size, for the ceiling", () => {
    expect(ratioTo(rows, rows[3]!, "dgram")).toBe(0.1);
    expect(ratioTo(rows, row("node", [1], { size: 64 }), "dgram")).toBeNaN();
  });
});

describe("loss", () => {
  it("covers all rounds together", () => {
    const samples = [
      { full: stretch(1, 10), eased: stretch(1) },
      { full: stretch(1), eased: stretch(1, 1) },
    ];
    expect(lossOf(row("node", [], { samples }), "full")).toBe(0.005);
    expect(lossOf(row("node", [], { samples }), "eased")).toBe(0.0005);
  });

  it("misses the target at 80 % with one packet of one contender", () => {
    const samples = [{ full: stretch(1), eased: stretch(1, 1) }];
    const targetOf = (rows: readonly Row[]) => rateTargets(rows).find(({ what }) => what.startsWith("loss"))!;
    expect(isReached(targetOf([row("node", [1]), row("bun", [1], { samples })]))).toBe(false);
    // What Go and bare sockets lose is not ours.
    expect(isReached(targetOf([row("node", [1]), row("dgram-unconnected", [1], { samples })]))).toBe(true);
    expect(isReached(targetOf([row("node", [1]), row("go", [1], { samples })]))).toBe(true);
  });
});

describe("a target", () => {
  it("counts as reached from the limit on, or below it", () => {
    const target = { what: "", unit: "", measured: 3 };
    expect(isReached({ ...target, atLeast: 3 })).toBe(true);
    expect(isReached({ ...target, atLeast: 3.01 })).toBe(false);
    expect(isReached({ ...target, atMost: 3 })).toBe(true);
    expect(isReached({ ...target, below: 3 })).toBe(false);
  });

  it("counts messages and packets apart: a packet with two messages is one", () => {
    const full = { ...stretch(600), packetRate: 300 };
    const shared = row("node", [], { mode: "compressed", samples: [{ full, eased: stretch(1) }] });
    const targets = rateTargets([shared, row("go", [100], { mode: "compressed" })]);
    const ratios = targets.filter(({ what }) => what.includes("compressed: node against Go")).map(({ measured }) => measured);
    expect(ratios).toEqual([6, 3]);
  });

  it("compares Node's messages with those of the Rust crate on one thread", () => {
    const rows = [row("node", [80]), row("rust", [100]), row("rust-threads", [50])];
    const target = rateTargets(rows).find(({ what }) => what === "messages/s at 1,400 bytes, plain: node against Rust");
    expect(target).toMatchObject({ measured: 0.8, atLeast: 0.8 });
  });

  it("counts as neither reached nor missed if it was not measured", () => {
    const text = targetTable(rateTargets([row("node", [300]), row("go", [100])]));
    expect(text).toMatch(/messages\/s at 1,400 bytes, plain: node against Go +\| ≥ 2x +\| 3x +\| reached/);
    expect(text).toMatch(/1,400 bytes, encrypted: node against Go +\| ≥ 1.50x +\| - +\| not measured/);
  });
});

describe("the table", () => {
  it("contains a line for each row, with its ratio to Go", () => {
    const [, , node] = rateTable([row("node", [300]), row("go", [100])]).split("\n");
    expect(node).toMatch(/node +\| 300 +\| 300-300 +\| 300 +\| 3\.00/);
  });
});

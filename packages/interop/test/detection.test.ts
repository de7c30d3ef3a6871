import { expect, it } from "vitest";
import { measureApart, measureTogether, median } from "../src/detection.ts";
import { describeWithGo } from "./support.ts";

describeWithGo("the time from a kill to dead", () => {
  it("differs by less than 20 % between a Go and a TypeScript observer", { timeout: 90_000 }, async () => {
    const report = await measureTogether(4);
    expect(report.difference).toBeLessThan(0.2);
    // One probe interval to find out, then the suspicion's least time: 3 * 300 ms. Nobody takes a word for it at once.
    for (const { go, ts } of report.rounds) expect(Math.min(go, ts)).toBeGreaterThan(900);
  });

  it("stays about the same where no Go node helps ours", { timeout: 90_000 }, async () => {
    const { median: apart } = await measureApart(6);
    // Six rounds scatter: the 20 % are shown by `detection` with ten and more. Who never finds out by itself is far off.
    expect(apart.ts / apart.go).toBeGreaterThan(0.5);
    expect(apart.ts / apart.go).toBeLessThan(1.5);
  });

  it("counts by the correct median", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

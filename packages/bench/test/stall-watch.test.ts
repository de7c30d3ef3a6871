import { describe, expect, it } from "vitest";
import { StallWatch } from "../src/attacks/stall-watch.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe("StallWatch", () => {
  it("reports how long a turn blocked the event loop, and on Linux the CPU time that it used", async () => {
    const watch = new StallWatch();
    try {
      await nextTurn();
      watch.take();
      const cpuBefore = process.cpuUsage();
      for (const until = performance.now() + 100; performance.now() < until;);
      const { user, system } = process.cpuUsage(cpuBefore);
      await nextTurn();
      const { cpu, wall } = watch.take();
      expect(wall).toBeGreaterThan(90);
      expect(cpu).toBeGreaterThanOrEqual(process.platform === "linux" ? ((user + system) / 1_000) * 0.2 : 0);
      await nextTurn();
      expect(watch.take().cpu).toBeLessThan(Math.max(30, cpu));
    } finally {
      watch.end();
    }
  });

  it("reports little CPU time for a thread that was blocked without work", async () => {
    const watch = new StallWatch();
    try {
      await nextTurn();
      watch.take();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      await nextTurn();
      const { cpu, wall } = watch.take();
      expect(wall).toBeGreaterThan(90);
      expect(cpu).toBeLessThan(50);
    } finally {
      watch.end();
    }
  });
});

import { expect, it } from "vitest";
import { measureLag } from "../src/lag.ts";

it(
  "cuts the accusations of processes blocked for 3 s every 5 s to a twentieth by lag awareness",
  { timeout: 240_000 },
  async () => {
    const { on, off } = await measureLag({ processes: 8, blocks: 12 });
    expect(off.accusations).toBeGreaterThanOrEqual(10);
    expect(on.accusations).toBeLessThanOrEqual(off.accusations / 20);
    // They went on probing, and it was the blocks that they noticed.
    expect(on.probes).toBeGreaterThan(on.blocks / 2);
    expect(on.timerLate).toBeGreaterThan(2_500);
  },
);

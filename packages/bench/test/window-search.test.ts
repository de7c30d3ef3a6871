import { describe, expect, it } from "vitest";
import { searchWindow, type Setting } from "../src/throughput/window-search.ts";
import { windowsFor } from "../src/throughput/windows.ts";

describe("windowsFor", () => {
  it("grows to the capacity of a receive buffer, for packets of every size", () => {
    expect(windowsFor(64)).toEqual([8, 32, 128, 512, 2048]);
    // A packet of 1,400 bytes takes 2,304 of the buffer: 4 MiB hold 1,820.
    expect(windowsFor(1400)).toEqual([8, 32, 128, 512, 1547]);
    for (const bytes of [64, 512, 1400, 8192, 65_507]) {
      expect(Math.max(...windowsFor(bytes)) * (bytes + 768)).toBeLessThan(4 * 1024 * 1024);
    }
  });
});

describe("searchWindow", () => {
  const windows = [8, 32, 128, 512];
  const search = async (
    senders: readonly number[],
    trial: (setting: Setting, attempt: number) => { rate: number; lost: number },
  ): Promise<{ found: Setting; tried: readonly Setting[] }> => {
    const tried: Setting[] = [];
    const found = await searchWindow({ senders, windows }, (setting) => {
      const attempt = tried.filter((one) => one.window === setting.window && one.senders === setting.senders).length;
      tried.push(setting);
      return Promise.resolve({ sent: 1000, ...trial(setting, attempt) });
    });
    return { found, tried };
  };

  it("finds the highest rate", async () => {
    const { found } = await search([1], ({ window }) => ({ rate: window === 128 ? 100 : 50, lost: 0 }));
    expect(found).toEqual({ window: 128, senders: 1 });
  });

  it("keeps the smaller window where a larger one gains next to nothing", async () => {
    const { found } = await search([1], ({ window }) => ({ rate: window === 8 ? 50 : 100 + window / 512, lost: 0 }));
    expect(found.window).toBe(32);
  });

  it("takes no rate with loss, and tries no larger window after one", async () => {
    const { found, tried } = await search([1], ({ window }) => ({ rate: window, lost: window > 32 ? 1 : 0 }));
    expect(found.window).toBe(32);
    expect(tried.map(({ window }) => window)).toEqual([8, 32, 128]);
  });

  it("tries every window for each number of senders", async () => {
    const { found, tried } = await search([1, 2], ({ window, senders }) => ({ rate: window === 32 ? senders : 0.5, lost: 0 }));
    expect(found).toEqual({ window: 32, senders: 2 });
    expect(tried).toHaveLength(8);
  });

  it("tries the best again, so that none wins by one lucky try", async () => {
    const lucky = ({ window }: Setting, attempt: number): number => (window === 128 && attempt === 0 ? 110 : 90);
    const { found } = await search([1], (setting, attempt) => ({
      rate: setting.window === 32 ? 100 : setting.window === 128 ? lucky(setting, attempt) : 50,
      lost: 0,
    }));
    expect(found.window).toBe(32);
  });

  it("drops a window that loses when it is tried again", async () => {
    const { found } = await search([1], ({ window }, attempt) => ({
      rate: window === 512 ? 105 : window === 128 ? 100 : 50,
      lost: window === 512 && attempt > 0 ? 1 : 0,
    }));
    expect(found.window).toBe(128);
  });

  it("takes the window that loses the smallest share where all lose", async () => {
    const { found } = await search([1, 2], ({ senders }) => ({ rate: 10, lost: senders === 1 ? 5 : 2 }));
    expect(found).toEqual({ window: 8, senders: 2 });
  });
});

import { median } from "../statistics.ts";

/** How a sender does best: messages that may be on their way, and goroutines (Go) or tasks (Rust) that send. */
export interface Setting {
  readonly window: number;
  readonly senders: number;
}

export interface Trial {
  readonly rate: number;
  readonly sent: number;
  readonly lost: number;
}

/** A larger window has to gain that much: the smaller ones keep further away from the receive buffer's end. */
const gain = 1.02;
/** So many of the best are tried again, if they are so close to the best: a single short try is a matter of luck. */
const finalists = 3;
const close = 0.85;
const finals = 2;

/**
 * Tries the settings, the best ones again, and returns the one with the highest median rate without any loss; where all lose something, the one
 * that loses the smallest share. A window that loses is the last one tried for that many senders.
 */
export async function searchWindow(
  { senders, windows }: { readonly senders: readonly number[]; readonly windows: readonly number[] },
  attempt: (setting: Setting) => Promise<Trial>,
): Promise<Setting> {
  const lossless: { readonly setting: Setting; readonly rates: number[] }[] = [];
  let leastLoss: { readonly setting: Setting; readonly share: number } | undefined;
  for (const count of senders) {
    for (const window of windows) {
      const setting = { window, senders: count };
      const { rate, lost, sent } = await attempt(setting);
      if (lost > 0) {
        const share = lost / sent;
        if (leastLoss === undefined || share < leastLoss.share) leastLoss = { setting, share };
        break;
      }
      lossless.push({ setting, rates: [rate] });
    }
  }
  const best = lossless.toSorted((a, b) => median(b.rates) - median(a.rates));
  const [first] = best;
  if (first === undefined) {
    if (leastLoss === undefined) throw new Error("searchWindow needs a setting to try");
    return leastLoss.setting;
  }
  const last = best.slice(0, finalists).filter(({ rates }) => median(rates) >= close * median(first.rates));
  for (let round = 0; round < finals && last.length > 1; round++) {
    for (const { setting, rates } of last) {
      const { rate, lost } = await attempt(setting);
      // Out of the race, unless all are.
      rates.push(lost > 0 ? 0 : rate);
    }
  }
  return last
    .toSorted((a, b) => a.setting.window - b.setting.window)
    .reduce((a, b) => (median(b.rates) > median(a.rates) * gain ? b : a)).setting;
}

/** A heap at a moment. */
export interface HeapSample {
  /** In minutes since the start. */
  readonly minute: number;
  /** In bytes. */
  readonly heap: number;
}

/** In MB (of a million bytes) that a heap may grow in ten minutes. */
export const growthMax = 0.15;
const spanMinutes = 10;
const warmUpMax = 20;
const samplesMin = 3;

/** In minutes: when a heap has reached its size. Twenty minutes, or two thirds of a run that is shorter than thirty. */
export function warmUpOf(minutes: number): number {
  return Math.min(warmUpMax, (minutes * 2) / 3);
}

/**
 * By how many MB a heap grew between the first and the last sample, by the line of least squares: a single sample that is high or
 * low by chance does not decide.
 *
 * @returns NaN of fewer than three samples
 */
function fittedGrowth(samples: readonly HeapSample[]): number {
  const count = samples.length;
  if (count < samplesMin) return Number.NaN;
  const meanAt = samples.reduce((sum, { minute }) => sum + minute, 0) / count;
  const meanHeap = samples.reduce((sum, { heap }) => sum + heap, 0) / count;
  let above = 0;
  let below = 0;
  for (const { minute, heap } of samples) {
    above += (minute - meanAt) * (heap - meanHeap);
    below += (minute - meanAt) ** 2;
  }
  const length = (samples.at(-1)?.minute ?? 0) - (samples[0]?.minute ?? 0);
  return ((above / below) * length) / 1e6;
}

/** In MB: how much a heap may grow over these samples. Fewer than ten minutes have the allowance of ten: less cannot be distinguished from noise. */
function allowance(samples: readonly HeapSample[]): number {
  const length = (samples.at(-1)?.minute ?? 0) - (samples[0]?.minute ?? 0);
  return growthMax * Math.max(1, length / spanMinutes);
}

/** The growth of a heap, beside what is allowed. */
export interface GrowthVerdict {
  /** In MB, over the time of the samples. */
  readonly growth: number;
  readonly allowed: number;
  /** False with too few samples, too. */
  readonly passed: boolean;
}

export function judge(samples: readonly HeapSample[]): GrowthVerdict {
  const growth = fittedGrowth(samples);
  const allowed = allowance(samples);
  return { growth, allowed, passed: growth < allowed };
}

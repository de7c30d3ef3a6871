import type { LifeguardConfiguration } from "./lifeguard-run.ts";

/** The figures of the paper's tables, in per cent of its SWIM, and in s. Source: arXiv 1707.00788v2. */
export interface LifeguardFigures {
  readonly falsePositives: number;
  readonly healthyFalsePositives: number;
  readonly messages: number;
  readonly bytes: number;
  /** Median and 99 %. */
  readonly firstDetection: readonly [number, number];
  readonly dissemination: readonly [number, number];
}

export const lifeguardPaper: Readonly<Record<LifeguardConfiguration, LifeguardFigures>> = {
  SWIM: {
    falsePositives: 100,
    healthyFalsePositives: 100,
    messages: 100,
    bytes: 100,
    firstDetection: [12.44, 16.96],
    dissemination: [12.9, 16.93],
  },
  "LHA-Probe": {
    falsePositives: 67.72,
    healthyFalsePositives: 32.88,
    messages: 98.46,
    bytes: 90.03,
    firstDetection: [12.42, 17.75],
    dissemination: [12.9, 17.98],
  },
  "LHA-Suspicion": {
    falsePositives: 3,
    healthyFalsePositives: 6.71,
    messages: 111.31,
    bytes: 106.52,
    firstDetection: [12.42, 17.47],
    dissemination: [12.89, 17.33],
  },
  Buddy: {
    falsePositives: 94.08,
    healthyFalsePositives: 44.57,
    messages: 100.07,
    bytes: 99.01,
    firstDetection: [12.45, 17.12],
    dissemination: [12.92, 17.18],
  },
  Lifeguard: {
    falsePositives: 1.53,
    healthyFalsePositives: 1.89,
    messages: 110.59,
    bytes: 97.97,
    firstDetection: [12.45, 17.9],
    dissemination: [12.91, 18.05],
  },
};

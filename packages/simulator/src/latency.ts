import type { Random } from "@memberlist/core";
import type { Latency } from "@memberlist/core/testing";

/** How long packets take one way, in ms: as {@link Latency}, or one of the distributions that networks show. */
export type LatencyModel =
  | Latency
  | { readonly distribution: "exponential"; readonly min: number; readonly mean: number }
  | { readonly distribution: "lognormal"; readonly median: number; readonly sigma: number };

/** A model as the memory network takes it. An exponential one is `min` plus what is drawn, `mean` on average in all. */
export function latencyOf(model: LatencyModel, random: Random): Latency {
  if (typeof model !== "object" || !("distribution" in model)) return model;
  if (model.distribution === "exponential") {
    const { min, mean } = model;
    return () => min - (mean - min) * Math.log(1 - random.next());
  }
  const { median, sigma } = model;
  return () => median * Math.exp(sigma * normal(random));
}

/** Box and Muller's: mean 0, deviation 1. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

import type { Random } from "@memberlist/core";
import { isObject, type Rule } from "@memberlist/core/internal";
import type { Latency } from "@memberlist/core/testing";

/** The delay of packets in one direction, in ms: a {@link Latency}, or a distribution as in real networks. */
export type LatencyModel =
  | Latency
  | { readonly distribution: "exponential"; readonly min: number; readonly mean: number }
  | { readonly distribution: "lognormal"; readonly median: number; readonly sigma: number };

export const latencyModelRule: Rule = {
  expected:
    "ms from 0, [min, max], a function, or { distribution: exponential, min, mean } or { distribution: lognormal, median, sigma }",
  accepts: (value) => {
    if (Array.isArray(value)) return value.length === 2 && isNumber(value[0], 0) && isNumber(value[1], value[0]);
    if (!isObject(value)) return isNumber(value, 0) || typeof value === "function";
    if (value["distribution"] === "exponential") return isNumber(value["min"], 0) && isNumber(value["mean"], value["min"]);
    return value["distribution"] === "lognormal" && isNumber(value["median"], 0) && isNumber(value["sigma"], 0);
  },
};

function isNumber(value: unknown, min: number): value is number {
  return typeof value === "number" && value >= min && value < Infinity;
}

/** Converts a model for the memory network. The delays of an exponential model have the average `mean`, of which `min` is a part. */
export function latencyOf(model: LatencyModel, random: Random): Latency {
  if (typeof model !== "object" || !("distribution" in model)) return model;
  if (model.distribution === "exponential") {
    const { min, mean } = model;
    return () => min - (mean - min) * Math.log(1 - random.next());
  }
  const { median, sigma } = model;
  return () => median * Math.exp(sigma * normal(random));
}

/** Draws from the normal distribution with mean 0 and deviation 1, by Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

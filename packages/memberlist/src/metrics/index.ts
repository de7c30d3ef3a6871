/** `@memberlist/core/metrics`: the descriptions of all metrics, for adapters to collectors. Members do not need them, so applications without an adapter do not load them. */
export { metricCatalogue, type Metric, type MetricKind, type MetricName, type MetricOf, type MetricUnit } from "./catalogue.ts";
export type { MetricLabels, Metrics } from "../ports/metrics.ts";

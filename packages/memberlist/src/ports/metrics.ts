import type { MetricName } from "../metrics/catalogue.ts";

/**
 * Where metrics go. `@memberlist/core/metrics` describes each. Names are the Go library's, joined by dots (`memberlist.udp.sent`). Labels are those of
 * `config.metricLabels` and the metric's own; metrics without labels of their own always get the same object.
 */
export interface Metrics {
  /** Adds to a counter. */
  increment(name: MetricName, value: number, labels: MetricLabels): void;
  /** Sets a gauge. */
  gauge(name: MetricName, value: number, labels: MetricLabels): void;
  /** One sample of a distribution; durations in ms. */
  sample(name: MetricName, value: number, labels: MetricLabels): void;
}

/** Labels of a metric, by name. */
export type MetricLabels = Readonly<Record<string, string>>;

/** Where metrics go. Names are the Go library's, joined by dots (`memberlist.udp.sent`). Labels: `config.metricLabels`. */
export interface Metrics {
  /** Adds to a counter. */
  increment(name: string, value: number, labels: MetricLabels): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels: MetricLabels): void;
  /** One sample of a distribution; durations in ms. */
  sample(name: string, value: number, labels: MetricLabels): void;
}

/** Labels of a metric, by name. */
export type MetricLabels = Readonly<Record<string, string>>;

import { metrics as api, type Counter, type Gauge, type Histogram, type Meter } from "@opentelemetry/api";
import { metricCatalogue, type MetricName, type Metrics, type MetricUnit } from "@memberlist/core/metrics";

/** Options of {@link openTelemetryMetrics}. */
export interface OpenTelemetryMetricsOptions {
  /** Default: that of the global meter provider, which must be set before. */
  readonly meter?: Meter;
}

/**
 * Makes instruments for all metrics of the catalogue, for `config.metrics`. Names are those of the catalogue, such as `memberlist.udp.sent`; labels become
 * attributes; samples are histograms. Members in one process share one such object; the `metricLabels` of their configs distinguish them.
 *
 * @example
 * const metrics = openTelemetryMetrics();
 * const members = await createMemberlist({ ...lanConfig(), name: "web-1", metrics });
 */
export function openTelemetryMetrics(options: OpenTelemetryMetricsOptions = {}): Metrics {
  const { meter = api.getMeter("@memberlist/opentelemetry") } = options;
  const counters = new Map<MetricName, Counter>();
  const gauges = new Map<MetricName, Gauge>();
  const histograms = new Map<MetricName, Histogram>();
  for (const { name, kind, unit, help, buckets } of metricCatalogue) {
    const description = { description: help, unit: ucum(unit) };
    if (kind === "counter") counters.set(name, meter.createCounter(name, description));
    else if (kind === "gauge") gauges.set(name, meter.createGauge(name, description));
    else
      histograms.set(name, meter.createHistogram(name, { ...description, advice: { explicitBucketBoundaries: [...buckets] } }));
  }
  return {
    increment: (name, value, labels) => counters.get(name)?.add(value, labels),
    gauge: (name, value, labels) => gauges.get(name)?.record(value, labels),
    sample: (name, value, labels) => histograms.get(name)?.record(value, labels),
  };
}

/** Returns the unit as OpenTelemetry writes it. */
function ucum(unit: MetricUnit): string {
  if (unit === "bytes") return "By";
  return unit === "ms" ? "ms" : `{${unit.replace(/s$/, "")}}`;
}

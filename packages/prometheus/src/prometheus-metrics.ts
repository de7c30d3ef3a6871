import { MemberlistError } from "@memberlist/core";
import { metricCatalogue, type Metric, type MetricName, type Metrics } from "@memberlist/core/metrics";
import { Counter, Gauge, Histogram, register as defaultRegister, Summary, type Registry } from "prom-client";

/** Options of {@link prometheusMetrics}. */
export interface PrometheusOptions {
  /** The registry. Default: prom-client's own, `register`. */
  readonly register?: Registry;
  /**
   * The names of all labels in the `metricLabels` of the members that share these metrics. Prometheus needs them at the registration. Default:
   * no labels.
   */
  readonly labelNames?: readonly string[];
  /**
   * The type of samples. A `summary` has the quantiles of the Go library's Prometheus sink (0.5, 0.9 and 0.99 over ten seconds), so that dashboards
   * for Go work. A `histogram` has the buckets of the catalogue, which can be added up over members. Default `summary`.
   */
  readonly samples?: "summary" | "histogram";
}

/** Metrics that prom-client collects. */
export interface PrometheusMetrics extends Metrics {
  /** The registry of the metrics: `await register.metrics()` is the body of a `/metrics` response. */
  readonly register: Registry;
}

/** The quantiles and the age of the Go library's sink. */
const summary = { percentiles: [0.5, 0.9, 0.99], maxAgeSeconds: 10, ageBuckets: 5 };

/**
 * Registers all metrics of the catalogue, for `config.metrics`. Names are those of the Go library's Prometheus sink: `memberlist.udp.sent` is
 * `memberlist_udp_sent`. Members in one process share one such object; the `metricLabels` of their configs distinguish them.
 *
 * @throws MemberlistError `invalid_argument` if the registry already has a metric with one of the names; it registers nothing then
 *
 * @example
 * const metrics = prometheusMetrics({ labelNames: ["node"] });
 * const members = await createMemberlist({ ...lanConfig(), name: "web-1", metrics, metricLabels: { node: "web-1" } });
 * const body = await metrics.register.metrics();
 */
export function prometheusMetrics(options: PrometheusOptions = {}): PrometheusMetrics {
  const { register = defaultRegister, labelNames = [], samples = "summary" } = options;
  const taken = metricCatalogue.map(({ name }) => prometheusName(name)).find((name) => register.getSingleMetric(name));
  if (taken !== undefined) {
    throw new MemberlistError(
      "invalid_argument",
      `${taken} is registered already: call prometheusMetrics once, and share its result between members (metricLabels distinguishes them), or pass another register`,
      { details: { name: taken } },
    );
  }
  const counters = new Map<MetricName, Counter>();
  const gauges = new Map<MetricName, Gauge>();
  const distributions = new Map<MetricName, Summary | Histogram>();
  for (const metric of metricCatalogue) {
    const { name, kind, buckets } = metric;
    const common = { ...describe(metric, labelNames), registers: [register] };
    if (kind === "counter") counters.set(name, new Counter(common));
    else if (kind === "gauge") gauges.set(name, new Gauge(common));
    else if (samples === "summary") distributions.set(name, new Summary({ ...common, ...summary }));
    else distributions.set(name, new Histogram({ ...common, buckets: [...buckets] }));
  }
  return {
    register,
    increment: (name, value, labels) => counters.get(name)?.inc(labels, value),
    gauge: (name, value, labels) => gauges.get(name)?.set(labels, value),
    sample: (name, value, labels) => distributions.get(name)?.observe(labels, value),
  };
}

/** Returns the name of a metric in Prometheus. */
function prometheusName(name: MetricName): string {
  return name.replaceAll(".", "_");
}

function describe(
  { name, help, labels, unit }: Metric,
  labelNames: readonly string[],
): { name: string; help: string; labelNames: string[] } {
  return { name: prometheusName(name), help: `${help} Unit: ${unit}.`, labelNames: [...labelNames, ...labels] };
}
